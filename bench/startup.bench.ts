/**
 * Question: how long from the command to the first record out?
 * Topology: array -> keyBy -> process -> print, by the command line, 2 workers, a TypeScript pipeline.
 * Baseline: a bare `node` that prints a line. Bound: 500 ms at the median, with a warm cache, on a machine where the bare
 * node takes up to 90 ms; in proportion where it takes longer.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Bench, check, median, spread } from "./bench.ts"

const COMMAND = fileURLToPath(new URL("../bin/millrace.js", import.meta.url))
const PIPELINE = fileURLToPath(new URL("./pipelines/first-record.ts", import.meta.url))

const bench: Bench = async ({ smoke, report }) => {
  const runs = smoke ? 5 : 15
  await firstOutputMs([COMMAND, "run", PIPELINE, "--quiet"])
  const job: number[] = []
  const bare: number[] = []
  for (let i = 0; i < runs; i++) {
    job.push(await firstOutputMs([COMMAND, "run", PIPELINE, "--quiet"]))
    bare.push(await firstOutputMs(["-e", 'console.log("first")']))
  }
  report(
    `command to first record out: ${spread(job)} ms; a bare node to its first line: ${spread(bare)} ms (median of ${runs}, min-max)`,
  )
  const boundMs = 500 * Math.max(1, median(bare) / 90)
  check(
    median(job) < boundMs,
    `the first record took ${median(job).toFixed(0)} ms, the bound here is ${boundMs.toFixed(0)} ms`,
  )
}

/** From the start of the process to its first byte on standard output. */
function firstOutputMs(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let outputMs: number | undefined
    let errors = ""
    child.stdout.on("data", () => {
      outputMs ??= performance.now() - startMs
    })
    child.stderr.on("data", (chunk) => {
      errors += chunk
    })
    child.on("close", (code) => {
      if (code === 0 && outputMs !== undefined) resolve(outputMs)
      else reject(new Error(`node ${args.join(" ")} ended with ${code}: ${errors}`))
    })
  })
}
export default bench
