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

const bench: Bench = async ({ smoke, report, result }) => {
  report(`bare threads, then the job: each ${smoke ? 2 : 20} s`)
  const [settleMs, ms] = smoke ? [1_000, 2_000] : [3_000, 20_000]
  const threads = [1, 2].map(() => new Worker("setInterval(() => {}, 1e9)", { eval: true }))
  await sleep(settleMs)
  const bare = await cpuShare(ms)
  for (const thread of threads) await thread.terminate()

  const job = await run(fileURLToPath(new URL("./pipelines/waiting.ts", import.meta.url)), { workers: 2 })
  await sleep(settleMs)
  const share = await cpuShare(ms)
  await job.cancel()
  const percent = (part: number) => 100 * part
  result({ variant: "two bare threads", metric: "processor time", unit: "% of a core", readings: [percent(bare)] })
  result({ variant: "idle job", metric: "processor time", unit: "% of a core", readings: [percent(share)] })
  result({
    variant: "idle job above two bare threads",
    metric: "processor time",
    unit: "% of a core",
    readings: [percent(share - bare)],
    atMost: 1,
  })
  // Not a bound of time: a job that polls uses several percent, whatever else the machine does.
  check(share - bare < 0.03, `an idle job used ${percent(share)} % of a core, bare threads ${percent(bare)} %`)
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
