/**
 * Question: does a slow sink hold the source back, in flat memory, and does the job run at full speed once it is fast again?
 * Topology: generate (unlimited) -> keyBy -> process -> rebalance -> sink that takes 1 ms per record; 2 workers.
 * Bounds: RSS grows by less than 50 MB, in flight never above the credits, and the rate rises at least 20-fold without the delay.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { run } from "millrace"
import { type Bench, check } from "./bench.ts"

const SLOW = "sink of 1 ms per record"
const FAST = "once the delay is gone"

const bench: Bench = async ({ smoke, report, result }) => {
  const slowMs = smoke ? 2_500 : 30_000
  const fastMs = smoke ? 1_500 : 10_000
  const control = new SharedArrayBuffer(4)
  const delayUs = new Int32Array(control)
  Atomics.store(delayUs, 0, 1000)
  const job = await run(fileURLToPath(new URL("./pipelines/slow-sink.ts", import.meta.url)), {
    workers: 2,
    params: { control },
  })
  report(`slow for ${slowMs / 1000} s, then fast for ${fastMs / 1000} s`)
  // Rings fill and code is compiled in the first seconds; what grows after that would grow for ever.
  await sleep(smoke ? 2_000 : 5_000)
  const baseMb = process.memoryUsage.rss() / 1e6
  let peakMb = baseMb
  let peakInFlight = 0
  let credits = 0
  const before = job.readMetrics()
  for (const endMs = performance.now() + slowMs; performance.now() < endMs; ) {
    await sleep(250)
    const { inFlight, credits: sum } = job.readMetrics()
    peakInFlight = Math.max(peakInFlight, inFlight)
    credits = sum
    peakMb = Math.max(peakMb, process.memoryUsage.rss() / 1e6)
    check(inFlight <= credits, `${inFlight} records in flight exceed ${credits} credits`)
  }
  const after = job.readMetrics()
  const slowRate = ((after.recordsOut - before.recordsOut) / slowMs) * 1000
  Atomics.store(delayUs, 0, 0)
  await sleep(smoke ? 500 : 1_000)
  const fastBefore = job.readMetrics()
  await sleep(fastMs)
  const fastAfter = job.readMetrics()
  const fastRate = ((fastAfter.recordsOut - fastBefore.recordsOut) / fastMs) * 1000
  const { metrics } = await job.stop()
  report(`${metrics.recordsIn} read, ${metrics.recordsOut} written, ${metrics.inFlight} in flight after the drain`)
  check(peakMb - baseMb < 50, `RSS grew by ${(peakMb - baseMb).toFixed(0)} MB`)
  check(metrics.recordsIn === metrics.recordsOut, "records were lost or repeated in the drain")
  result({ variant: SLOW, metric: "throughput", unit: "records/s", readings: [slowRate] })
  result({ variant: FAST, metric: "throughput", unit: "records/s", readings: [fastRate] })
  result({
    variant: FAST,
    metric: "throughput",
    unit: "x",
    against: SLOW,
    readings: [fastRate / slowRate],
    atLeast: 20,
  })
  result({
    variant: SLOW,
    metric: "records in flight, at most",
    unit: "records",
    readings: [peakInFlight],
    atMost: credits,
  })
  const grownBytes = (peakMb - baseMb) * 1e6
  result({ variant: SLOW, metric: "growth of RSS", unit: "bytes", readings: [grownBytes], atMost: 50e6 })
}
export default bench
