/**
 * Question: how long from the command to the first record out?
 * Topology: array -> keyBy -> process -> print, by the command line, 2 workers, a TypeScript pipeline.
 * Baseline: a bare `node` that prints a line. Bound: 500 ms at the median, with a warm cache, on a machine where the bare
 * node takes up to 90 ms; in proportion where it takes longer.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { alternate, type Bench, median, ratios } from "./bench.ts"

const COMMAND = fileURLToPath(new URL("../bin/millrace.js", import.meta.url))
const BARE = "bare node"
const JOB = "command to first record out"
const PIPELINE = fileURLToPath(new URL("./pipelines/first-record.ts", import.meta.url))

const bench: Bench = async ({ smoke, result }) => {
  const runs = smoke ? 5 : 15
  await firstOutputMs([COMMAND, "run", PIPELINE, "--quiet"])
  const { job, bare } = await alternate(runs, {
    job: () => firstOutputMs([COMMAND, "run", PIPELINE, "--quiet"]),
    bare: () => firstOutputMs(["-e", 'console.log("first")']),
  })
  result({ variant: BARE, metric: "first output", unit: "ms", readings: bare })
  const boundMs = 500 * Math.max(1, median(bare) / 90)
  result({ variant: JOB, metric: "first output", unit: "ms", readings: job, atMost: boundMs })
  result({ variant: JOB, metric: "first output", unit: "x", against: BARE, readings: ratios(job, bare) })
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
