/**
 * Question: what does a job cost that waits for input?
 * Topology: a source that gives nothing -> keyBy -> window -> print; 2 workers, parallelism 2.
 * Bound: under 1 % of one core, all threads together.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { run } from "millrace"
import { type Bench, check } from "./bench.ts"

const bench: Bench = async ({ smoke, report }) => {
  const ms = smoke ? 5_000 : 20_000
  const job = await run(fileURLToPath(new URL("./pipelines/waiting.ts", import.meta.url)), { workers: 2 })
  await sleep(3_000)
  const before = process.cpuUsage()
  const startMs = performance.now()
  await sleep(ms)
  const used = process.cpuUsage(before)
  const share = (used.user + used.system) / 1000 / (performance.now() - startMs)
  await job.cancel()
  report(`idle: ${(share * 100).toFixed(2)} % of a core over ${ms / 1000} s, all threads`)
  check(share < 0.01, `an idle job used ${(share * 100).toFixed(2)} % of a core`)
}
export default bench
