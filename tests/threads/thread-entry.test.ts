/**
 * A thread that is ended while it links ES modules for a `require` aborts the whole process (src/actors/thread.cts). That
 * happened to one process in 80 whose job failed at once, on a busy machine; what can be seen every time is who loads what.
 */
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { expect, test } from "vitest"

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url))
const ENTRY = `${DIST}actors/thread.cjs`

test("what the pool requires loads ES modules by import() alone", async () => {
  const program = `
    const { parentPort, workerData } = require("node:worker_threads")
    const host = require(workerData)
    const ports = () => { const { port1, port2 } = new MessageChannel(); port2.unref(); return port1 }
    const message = { task: { pipelineUrl: "file:///nowhere.mjs", worker: 0 }, toMain: ports(), fromMain: ports() }
    host(message).then(({ ok, error }) => parentPort.postMessage({ ok, code: error.code, required: Object.keys(require.cache) }))`
  const thread = new Worker(program, { eval: true, workerData: ENTRY })
  const [answer] = await once(thread, "message")
  await thread.terminate()
  const ours = answer.required.filter((path: string) => path.startsWith(DIST))
  expect({ ...answer, required: ours }).toEqual({ ok: false, code: "PIPELINE_FILE_MISSING", required: [ENTRY] })
})
