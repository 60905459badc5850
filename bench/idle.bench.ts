/**
 * Question: what does a job cost that waits for input?
 * Topology: a source that gives nothing -> keyBy -> window -> print; 2 workers, parallelism 2.
 * Baseline: the same process with two threads that wait on nothing. Bound: under 1 % of one core above it, all threads together.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { run } from "millrace"
import { type Bench, check } from "./bench.ts"

const SETTLE_MS = 3_000

const bench: Bench = async ({ smoke, report }) => {
  const ms = smoke ? 5_000 : 20_000
  const threads = [1, 2].map(() => new Worker("setInterval(() => {}, 1e9)", { eval: true }))
  await sleep(SETTLE_MS)
  const bare = await cpuShare(ms)
  for (const thread of threads) await thread.terminate()

  const job = await run(fileURLToPath(new URL("./pipelines/waiting.ts", import.meta.url)), { workers: 2 })
  await sleep(SETTLE_MS)
  const share = await cpuShare(ms)
  await job.cancel()
  report(`idle: ${percent(share)} of a core over ${ms / 1000} s, all threads; two bare threads: ${percent(bare)}`)
  check(share - bare < 0.01, `an idle job used ${percent(share)} of a core, bare threads ${percent(bare)}`)
}
export default bench

/** The process's CPU time per wall-clock time. */
async function cpuShare(ms: number): Promise<number> {
  const before = process.cpuUsage()
  const startMs = performance.now()
  await sleep(ms)
  const used = process.cpuUsage(before)
  return (used.user + used.system) / 1000 / (performance.now() - startMs)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}
