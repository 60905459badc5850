/**
 * Questions: how long after the event that completes a window does the window's result come, by load; what do checkpoints add to
 * that; and how long does one event take through a job that has been waiting?
 * Topology: an open loop (event n is due n / rate seconds after the start, never sent early; when it is sent or read late, that
 * counts) -> keyBy, 100 keys -> tumbling windows of 10 ms -> a sink that takes the time; 2 workers. The loads are shares of the
 * sustainable rate, which is looked for first: the highest at which the source is never more than 100 ms of input behind.
 * For the job that waits: one event -> keyBy -> process -> sink, each event 20 ms after the result of the one before.
 * Baseline: the same events counted by a plain loop on one thread, no engine: its tail is the machine's.
 * Bounds at half the sustainable rate with a checkpoint every second: p50 under 1 ms, p99.99 under 10 ms; p50 of the job that
 * waits under 1 ms. Every result is a sample; results of one window come together, so 10 ms of pause spoil 100 of them.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { type JobHandle, run } from "millrace"
import { type Bench, type BenchContext, check } from "./bench.ts"
import { LatencyHistogram } from "./histogram.ts"
import { drive, dueMs, floodUpTo, monotonicMs, moreThan, type OpenLoop, openLoop } from "./open-loop.ts"

const COUNTS = fileURLToPath(new URL("./pipelines/windowed-count.ts", import.meta.url))
const WAITING = fileURLToPath(new URL("./pipelines/wake-up.ts", import.meta.url))
const KEYS = 100
const WINDOW_MS = 10
const PERCENTILES = [50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99]
const BEHIND_MS = 100

const bench: Bench = async (context) => {
  const { smoke, report, result } = context
  const times = smoke ? { warmUpMs: 500, measureMs: 1_000 } : { warmUpMs: 4_000, measureMs: 15_000 }
  const rate = smoke ? 50_000 : await sustainableRate(context)
  if (!smoke) result({ variant: "sustainable rate", metric: "throughput", unit: "events/s", readings: [rate] })
  const loads = smoke ? [50] : [25, 50, 80]
  const variants = loads.flatMap((load) => [
    { name: `${load} % load, checkpoints every second`, load, checkpoints: true },
    { name: `${load} % load`, load, checkpoints: false },
  ])
  const rounds = smoke ? 1 : 3
  const readings = new Map<string, Map<string, number[]>>()
  const note = (name: string, histogram: LatencyHistogram): void => {
    check(histogram.count > 0, `${name}: no result came`)
    for (const [metric, ms] of percentilesOf(histogram)) {
      const metrics = readings.get(name) ?? new Map<string, number[]>()
      readings.set(name, metrics.set(metric, [...(metrics.get(metric) ?? []), ms]))
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, load, checkpoints } of round % 2 === 0 ? variants : variants.toReversed()) {
      report(`round ${round + 1} of ${rounds}: ${name}`)
      note(name, await measureJob((rate * load) / 100, { checkpoints, ...times }))
    }
    report(`round ${round + 1} of ${rounds}: plain loop`)
    note("plain loop, 50 % load", await measureLoop(rate / 2, times))
  }
  for (const [variant, metrics] of readings) {
    for (const [metric, ms] of metrics) {
      const bounded = variant === "50 % load, checkpoints every second"
      const bound = bounded && metric === "p50" ? { atMost: 1 } : bounded && metric === "p99.99" ? { atMost: 10 } : {}
      result({ variant, metric, unit: "ms", readings: ms, ...bound })
    }
  }
  const waited = new LatencyHistogram()
  await wakeUps(waited, smoke ? 20 : 500)
  for (const [metric, ms] of percentilesOf(waited)) {
    result({
      variant: "first result of a job that waits",
      metric,
      unit: "ms",
      readings: [ms],
      ...(metric === "p50" ? { atMost: 1 } : {}),
    })
  }
}
export default bench

/** A percentile with fewer than ten samples beyond it says nothing: it is left out. The longest is always told. */
function percentilesOf(histogram: LatencyHistogram): [string, number][] {
  const { count } = histogram
  const told = PERCENTILES.filter((percentile) => (count * (100 - percentile)) / 100 >= 10 || percentile === 50)
  return [...told.map((each): [string, number] => [`p${each}`, histogram.at(each)]), ["max", histogram.at(100)]]
}

interface Times {
  readonly warmUpMs: number
  readonly measureMs: number
}

async function measureJob(
  perSecond: number,
  { checkpoints, warmUpMs, measureMs }: Times & { readonly checkpoints: boolean },
): Promise<LatencyHistogram> {
  const histogram = new LatencyHistogram()
  const directory = mkdtempSync(join(tmpdir(), "millrace-latency-"))
  try {
    let completed = 0
    const loop = openLoop(perSecond, 500)
    const job = await run(COUNTS, {
      workers: 2,
      params: { ...loop, keys: KEYS, windowMs: WINDOW_MS, fromMs: warmUpMs, histogram: histogram.buffer },
      ...(checkpoints ? { checkpoint: { directory, every: "1s" } } : {}),
      onEvent: (event) => {
        if (event.type === "checkpoint") completed += 1
        else if ("error" in event) throw event.error
      },
    })
    const stop = drive(loop)
    await Promise.race([sleep(500 + warmUpMs + measureMs), job.done])
    await job.cancel()
    await stop()
    check(!checkpoints || completed > 0, "no checkpoint was completed")
    return histogram
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The same events, counted per key and window by a loop of this thread. */
async function measureLoop(perSecond: number, { warmUpMs, measureMs }: Times): Promise<LatencyHistogram> {
  const histogram = new LatencyHistogram()
  const loop = openLoop(perSecond, 500)
  const stop = drive(loop)
  let counts = new Map<number, number>()
  let endMs = WINDOW_MS
  for (let next = 0; endMs < warmUpMs + measureMs; ) {
    const due = await moreThan(loop, next)
    for (; next < due; next++) {
      const event = {
        n: next,
        key: (Math.imul(next, 0x9e3779b1) >>> 8) % KEYS,
        atMs: Math.floor((next * 1000) / perSecond),
      }
      if (event.atMs >= endMs) {
        const latencyMs = monotonicMs() - dueMs(loop, next)
        for (const _ of counts) if (endMs >= warmUpMs) histogram.add(latencyMs)
        counts = new Map()
        endMs += WINDOW_MS
      }
      counts.set(event.key, (counts.get(event.key) ?? 0) + 1)
    }
    // As any program would: other callbacks get their turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
  await stop()
  return histogram
}

/** The highest tenth of the flooded rate that the job keeps up with. */
async function sustainableRate({ report }: BenchContext): Promise<number> {
  const flooded = await floodedRate()
  report(`as fast as it goes: ${Math.round(flooded)} events/s`)
  for (const share of [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]) {
    const perSecond = Math.round(flooded * share)
    const behindMs = await mostBehindMs(perSecond)
    report(`${perSecond} events/s: at most ${behindMs.toFixed(0)} ms behind`)
    if (behindMs <= BEHIND_MS) return perSecond
  }
  throw new Error("no rate was sustained")
}

async function floodedRate(): Promise<number> {
  const loop = openLoop(1e6, 0)
  const job = await startCounting(loop)
  floodUpTo(loop, 2 ** 31 - 1)
  await sleep(4_000)
  const before = { atMs: monotonicMs(), events: job.readMetrics().recordsIn }
  await sleep(4_000)
  const events = job.readMetrics().recordsIn - before.events
  const ms = monotonicMs() - before.atMs
  await job.cancel()
  return (events * 1000) / ms
}

async function mostBehindMs(perSecond: number): Promise<number> {
  const loop = openLoop(perSecond, 500)
  const job = await startCounting(loop)
  const stop = drive(loop)
  let most = 0
  await sleep(4_000)
  for (const untilMs = monotonicMs() + 6_000; monotonicMs() < untilMs; ) {
    await sleep(50)
    const due = ((monotonicMs() - loop.startMs) * perSecond) / 1000
    most = Math.max(most, due - job.readMetrics().recordsIn)
  }
  await job.cancel()
  await stop()
  return (most * 1000) / perSecond
}

function startCounting(loop: OpenLoop): Promise<JobHandle> {
  return run(COUNTS, {
    workers: 2,
    params: { ...loop, keys: KEYS, windowMs: WINDOW_MS, fromMs: Number.POSITIVE_INFINITY },
  })
}

/** One event at a time, each through a job at rest. */
async function wakeUps(histogram: LatencyHistogram, times: number): Promise<void> {
  const loop = openLoop(1, 0)
  const written = new SharedArrayBuffer(16)
  const job = await run(WAITING, { workers: 2, params: { words: loop.words, written } })
  const [writtenAtMs, count] = new Float64Array(written)
  check(writtenAtMs === 0 && count === 0, "a result came before its event")
  const results = new Float64Array(written)
  for (let n = 1; n <= times + 5; n++) {
    await sleep(20)
    const startMs = monotonicMs()
    floodUpTo(loop, n)
    const deadlineMs = startMs + 5_000
    while (results[1]! < n) {
      check(monotonicMs() < deadlineMs, `event ${n} of a job at rest gave no result`)
      await sleep(2)
    }
    // The first ones find code that has never run.
    if (n > 5) histogram.add(results[0]! - startMs)
  }
  await job.cancel()
}

export const reasons = {
  "50 % load, checkpoints every second: p99.99":
    "the plain loop, in turn with it and at the same rate, has a tail of the same size (its rows are above): what else runs on two cores that a job needs both of",
}
