import { fork } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { basename, join } from "node:path"

/** @returns the names of the benches of a working tree */
export function benchNames(root) {
  const folder = join(root, "bench")
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith(".bench.ts"))
    .map((file) => basename(file, ".bench.ts"))
    .sort()
}

/**
 * Runs one bench of a built working tree in a process of its own: no bench meets the compiled code, the heap or the threads of another.
 *
 * @param onReport gets every line the bench tells of its progress
 * @returns its results in the order given, and the text of what it threw
 */
export async function runBench({ root, name, smoke, onReport }) {
  const child = fork(
    join(root, "scripts", "bench", "child.mjs"),
    [join(root, "bench", `${name}.bench.ts`), ...(smoke ? ["--smoke"] : [])],
    { cwd: root, serialization: "advanced" },
  )
  const results = []
  let failure
  let ended = false
  child.on("message", (message) => {
    if (message.type === "report") onReport(message.line)
    else if (message.type === "result") results.push(message.result)
    else if (message.type === "failed") failure = message.text
    else ended = true
  })
  // "close" comes once the channel is drained, "exit" may come before the last message.
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (...how) => resolve(how))
  })
  if (failure === undefined && !ended) failure = `the process of the bench ended with ${signal ?? code}`
  return { results, failure }
}
