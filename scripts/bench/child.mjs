// The process of one bench: imports it, runs it and sends what it says to the runner, over IPC.
// node scripts/bench/child.mjs <bench file> [--smoke]
import { fileURLToPath } from "node:url"

const [file, size] = process.argv.slice(2)
const send = (message) => process.send(message)
try {
  const loader = fileURLToPath(new URL("../../dist/actors/load-pipeline.js", import.meta.url))
  const { loadDefaultExport } = await import(loader)
  const bench = await loadDefaultExport(file)
  await bench({
    smoke: size === "--smoke",
    report: (line) => send({ type: "report", line }),
    result: (result) => send({ type: "result", result }),
  })
  await new Promise((resolve) => process.send({ type: "done" }, resolve))
  process.exit(0)
} catch (error) {
  // A load failure says in its cause where it happened.
  const text = error.cause instanceof Error ? `${error.message}\n${error.cause.stack}` : error.stack
  await new Promise((resolve) => process.send({ type: "failed", text: text ?? String(error) }, resolve))
  process.exit(1)
}
