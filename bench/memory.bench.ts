/**
 * Questions: what memory does a job take that waits, and one at full speed whose keys come and go; does it stay flat; and what does
 * a key of state take?
 * Topologies: a source that gives nothing -> keyBy -> window -> print; generate (as fast as it goes) -> keyBy, 10,000 new keys a second of
 * event time -> tumbling windows of a second -> a sink that counts; both on 2 workers. A store of keyed state by itself.
 * Baseline: the process with two bare threads; a Map of the same keys and values.
 * Bounds: the job at full speed grows by at most 50 MB from the first third of its time to the last.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Worker } from "node:worker_threads"
import { run } from "millrace"
import { HeapKeyedStore, hashKey } from "../src/state/index.ts"
import { type Bench, type BenchContext, check, median, ratios } from "./bench.ts"

const WAITING = fileURLToPath(new URL("./pipelines/waiting.ts", import.meta.url))
const PASSING = fileURLToPath(new URL("./pipelines/passing-keys.ts", import.meta.url))

const bench: Bench = async (context) => {
  await waitingJob(context)
  await passingKeys(context)
  await bytesPerKey(context)
}
export default bench

async function waitingJob({ smoke, report, result }: BenchContext): Promise<void> {
  const settleMs = smoke ? 500 : 3_000
  report("bare threads, then a job that waits")
  const threads = [1, 2].map(() => new Worker("setInterval(() => {}, 1e9)", { eval: true }))
  await sleep(settleMs)
  const bare = process.memoryUsage.rss()
  for (const thread of threads) await thread.terminate()
  const job = await run(WAITING, { workers: 2 })
  await sleep(settleMs)
  const waiting = process.memoryUsage.rss()
  await job.cancel()
  result({ variant: "process with two bare threads", metric: "RSS", unit: "bytes", readings: [bare] })
  result({ variant: "job that waits, 2 workers", metric: "RSS", unit: "bytes", readings: [waiting] })
}

async function passingKeys({ smoke, report, result }: BenchContext): Promise<void> {
  const seconds = smoke ? 2 : 30
  const job = await run(PASSING, { workers: 2 })
  // Code is compiled, rings are touched, the collectors find their sizes.
  await sleep(smoke ? 500 : 10_000)
  const samples: number[] = []
  const before = job.readMetrics().recordsIn
  for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs; ) {
    await sleep(100)
    samples.push(process.memoryUsage.rss())
  }
  const records = job.readMetrics().recordsIn - before
  const stopped = await job.stop()
  check(records > 0, "the job made no progress")
  check(stopped.metrics.inFlight === 0, `${stopped.metrics.inFlight} records were left in flight`)
  report(`${records} records in ${seconds} s`)
  const variant = "job at full speed, 10,000 new keys a window"
  const third = Math.floor(samples.length / 3)
  const [first, last] = [median(samples.slice(0, third)), median(samples.slice(-third))]
  result({ variant, metric: "RSS, last third", unit: "bytes", readings: [last] })
  result({ variant, metric: "peak RSS", unit: "bytes", readings: [Math.max(...samples)] })
  result({ variant, metric: "growth of RSS", unit: "bytes", readings: [last - first], atMost: 50e6 })
}

interface Sum {
  readonly count: number
  readonly sum: number
}

/** The heap that remains when garbage is gone, per key, of a store and of a Map with equal keys and values. */
async function bytesPerKey({ smoke, result }: BenchContext): Promise<void> {
  const keys = smoke ? 50_000 : 1_000_000
  const stored: number[] = []
  const mapped: number[] = []
  for (let round = 0; round < 3; round++) {
    stored.push(
      heldBytes(keys, () => {
        const store = new HeapKeyedStore<Sum>(128, { name: "sums" })
        for (let n = 0; n < keys; n++) {
          const key = `key-${n}`
          store.set(key, hashKey(key), { count: n, sum: n / 3 })
        }
        return (n) => store.get(`key-${n}`, hashKey(`key-${n}`))?.count
      }),
    )
    mapped.push(
      heldBytes(keys, () => {
        const map = new Map<string, Sum>()
        for (let n = 0; n < keys; n++) map.set(`key-${n}`, { count: n, sum: n / 3 })
        return (n) => map.get(`key-${n}`)?.count
      }),
    )
  }
  const [store, map] = [`store of ${keys.toLocaleString("en-US")} keys`, "Map of them"]
  result({ variant: store, metric: "heap per key", unit: "bytes", readings: stored })
  result({ variant: map, metric: "heap per key", unit: "bytes", readings: mapped })
  result({ variant: store, metric: "heap per key", unit: "x", against: map, readings: ratios(stored, mapped) })
}

function heldBytes(keys: number, fill: () => (n: number) => number | undefined): number {
  setFlagsFromString("--expose-gc")
  const collectGarbage = runInNewContext("gc") as () => void
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const countOf = fill()
  collectGarbage()
  const bytes = process.memoryUsage().heapUsed - before
  check(countOf(keys - 1) === keys - 1, "a key was not held")
  return bytes / keys
}
