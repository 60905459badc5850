/**
 * Questions: what does a record cost in windows that overlap, beside windows that do not, in time and in state? What do their results
 * cost, with and without retraction? What does a burst of 150,000 windows do to a step, and to a barrier? Does memory come back?
 * Topology: one operator, fed by hand on one thread: no channels, no codecs. For the barrier, a job: generate -> keyBy -> sessions ->
 * sink, 2 workers, with a savepoint (aligned) taken in the middle of the burst.
 * Baseline: tumbling windows of an hour over the same records; what overlapping windows each by itself would hold.
 * Bounds: sliding an hour by a second at most 3 times tumbling per record, in time and in accumulators changed, results aside (why
 * state is counted so: docs/design/008-windows.md). Of the burst no piece takes 5 ms of its thread, the collector's pauses included, once the
 * windows have outlived two collections of the young generation and a whole one, as windows do that are open for more than some seconds. Of windows that have
 * just been filled the collector copies what is due, so there the pieces alone are bound by 5 ms, and the pauses, by the wall clock, by 30 ms;
 * in the job a step by 30 ms, with a young generation of 16 MiB by 20 (docs/operations.md). A barrier passes within 50 ms of being asked for. The heap comes back within
 * 20 % of where it began.
 * In the job no step is to take 5 ms of its thread, the pauses of old windows included, while the burst fires and a savepoint of it is written: measured
 * from a step's first result to its end, and from there to the first result of the next step, where the steps lie that write the savepoint, and
 * whatever else the thread does in between. "longest step by the wall clock" is the metric
 * longestStepMs of any chain: the pauses of all threads, and what else runs on the machine's cores, are in it.
 */
import { PerformanceObserver } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import type { Aggregate, Operator, OperatorContext } from "../src/contracts/index.ts"
import { combineAggregates, count, max, sum } from "../src/operators/index.ts"
import { HarnessContext } from "../src/operators/testing.ts"
import { hashKey } from "../src/state/index.ts"
import { createWindowOperator, session, sliding, tumbling, type WindowAssigner } from "../src/windows/index.ts"
import { type Bench, type BenchContext, check, ratios } from "./bench.ts"
import { inChild } from "./in-child.ts"
import { growOld, heapBytes } from "./pipelines/grow-old.ts"
import { ThreadClock } from "./pipelines/thread-clock.ts"
import type { BurstRun } from "./pipelines/window-burst-run.ts"

interface Hit {
  readonly key: string
  readonly amount: number
}

/** With a maximum, which cannot be taken out of a total again. */
const merging = combineAggregates({
  records: count(),
  total: sum((hit: Hit) => hit.amount),
  best: max((hit: Hit) => hit.amount),
})
const retracting = combineAggregates({ records: count(), total: sum((hit: Hit) => hit.amount) })

type Combined = Aggregate<Hit, unknown, unknown> & { readonly windowed: unknown }
type Windows = Operator<Hit, unknown> & { readonly accumulators?: number; readonly firing?: boolean }

function open(assigner: WindowAssigner<Hit>, aggregate = merging as unknown as Combined) {
  const operator = createWindowOperator<Hit, string, never, never, unknown>({ assigner }, (hit) => hit.key, {
    kind: "aggregate",
    aggregate: aggregate as never,
    result: aggregate.windowed as never,
  }) as Windows
  const context = new RealTime()
  operator.open!(context as OperatorContext)
  return { operator, context }
}

/** Pieces end by the clock, which stands still in the harness. */
class RealTime extends HarnessContext {
  override now(): number {
    return performance.now()
  }
}

const bench: Bench = async (context) => {
  const { smoke } = context
  overlap(context)
  touched(context)
  for (const [name, assigner] of [
    ["tumbling", tumbling(10)],
    ["sliding", sliding(10, 5)],
    ["session", session<Hit>(5)],
  ] as const) {
    for (const aged of [true, false])
      await burst(name, { assigner: assigner as WindowAssigner<Hit>, windows: smoke ? 10_000 : 150_000, aged }, context)
  }
  await barrier(context)
  memory(smoke ? 10_000 : 200_000, context)
}
export default bench

/** CPU time: what else runs on the machine does not count. */
function cpuMs(): number {
  return process.cpuUsage().user / 1_000
}

const OVERLAPPING = {
  "tumbling 1 h": { assigner: tumbling("1h"), aggregate: merging },
  "sliding 1 h by 1 s, merging": { assigner: sliding("1h", "1s"), aggregate: merging },
  "tumbling 1 h, count and sum": { assigner: tumbling("1h"), aggregate: retracting },
  "sliding 1 h by 1 s, retracting": { assigner: sliding("1h", "1s"), aggregate: retracting },
} as const

/** Per key 20 records a second of event time, in order, a watermark each second. */
function overlap({ smoke, report, result }: BenchContext): void {
  const keys = Array.from({ length: smoke ? 2 : 20 }, (_, index) => `key ${index}`)
  const hashes = keys.map(hashKey)
  const seconds = smoke ? 4_000 : 9_000
  const perSecond = 20
  const records = keys.length * perSecond * seconds
  const readings = Object.fromEntries(
    Object.keys(OVERLAPPING).map((name) => [name, { adding: [], result: [], held: [], bytes: [] }]),
  ) as unknown as Record<string, Record<"adding" | "result" | "held" | "bytes", number[]>>
  for (let round = 0; round < (smoke ? 1 : 5); round++) {
    for (const [name, { assigner, aggregate }] of Object.entries(OVERLAPPING)) {
      const beforeBytes = heapBytes()
      const { operator, context } = open(assigner, aggregate as unknown as Combined)
      let results = 0
      const out = { full: false, emit: () => void results++ }
      let firingMs = 0
      let most = 0
      let bytes = 0
      const startMs = cpuMs()
      let pausedMs = 0
      for (let second = 0; second < seconds; second++) {
        for (let index = 0; index < perSecond; index++) {
          const timeMs = second * 1_000 + index * (1_000 / perSecond)
          for (let key = 0; key < keys.length; key++) {
            context.keyHash = hashes[key]!
            operator.onRecord({ key: keys[key]!, amount: index }, timeMs, out)
          }
        }
        const fromMs = cpuMs()
        operator.onWatermark!(second * 1_000 + 999, out)
        while (operator.firing === true) operator.resume!(out)
        const firedMs = cpuMs()
        firingMs += firedMs - fromMs
        most = Math.max(most, operator.accumulators ?? 0)
        if (second === seconds - 1) {
          bytes = heapBytes() - beforeBytes
          pausedMs = cpuMs() - firedMs
        }
      }
      const ms = cpuMs() - startMs - pausedMs
      const of = readings[name]!
      of.adding!.push(((ms - firingMs) * 1e6) / records)
      of.held!.push(most / keys.length)
      of.bytes!.push(bytes / keys.length)
      if (name.startsWith("tumbling")) continue
      of.result!.push((firingMs * 1e6) / results)
      check(results >= (seconds - 1) * keys.length, `sliding windows gave ${results} results`)
    }
  }
  report(
    `${records} records, ${keys.length} keys, each ${perSecond} a second; a result per key and second of sliding windows`,
  )
  for (const [name, { adding, result: perResult, held, bytes }] of Object.entries(readings)) {
    result({ variant: name, metric: "a record", unit: "ns of CPU", readings: adding })
    if (perResult.length > 0) {
      result({ variant: name, metric: "a result", unit: "ns of CPU", readings: perResult })
      result({ variant: name, metric: "heap per key", unit: "bytes", readings: bytes })
    }
    result({ variant: name, metric: "accumulators held per key", unit: "accumulators", readings: held })
  }
  for (const [variant, against] of [
    ["sliding 1 h by 1 s, merging", "tumbling 1 h"],
    ["sliding 1 h by 1 s, retracting", "tumbling 1 h, count and sum"],
  ] as const) {
    const times = ratios(readings[variant]!.adding, readings[against]!.adding)
    result({ variant, metric: "a record", unit: "x", against, readings: times, atMost: 3 })
  }
  const naive = "sliding 1 h by 1 s, each window by itself"
  result({ variant: naive, metric: "accumulators held per key", unit: "accumulators", readings: [3_600] })
  result({ variant: naive, metric: "accumulators changed by a record", unit: "accumulators", readings: [3_600] })
}

/** How many accumulators a record makes or changes: an `add` each, and an empty one for a slice or window that it is the first of. */
function touched({ smoke, result }: BenchContext): void {
  const perRecord: Record<string, number> = {}
  for (const [name, assigner] of [
    ["tumbling 1 h", tumbling("1h")],
    ["sliding 1 h by 1 s", sliding("1h", "1s")],
  ] as const) {
    let changes = 0
    const counting = {
      ...retracting,
      create: () => {
        changes += 1
        return retracting.create()
      },
      add: (accumulator: never, hit: Hit) => {
        changes += 1
        return retracting.add(accumulator, hit)
      },
    } as unknown as Combined
    const { operator, context } = open(assigner, counting)
    const out = { full: false, emit: () => undefined }
    const seconds = smoke ? 4_000 : 9_000
    // One record a second: every one is the first of its slice, the worst that there is.
    for (let second = 0; second < seconds; second++) {
      context.keyHash = 1
      operator.onRecord({ key: "a", amount: 1 }, second * 1_000, out)
      operator.onWatermark!(second * 1_000 - 1, out)
      while (operator.firing === true) operator.resume!(out)
    }
    perRecord[name] = changes / seconds
    const metric = "accumulators changed by a record"
    result({ variant: name, metric, unit: "accumulators", readings: [perRecord[name]!] })
  }
  const [tumbled, slid] = Object.values(perRecord) as [number, number]
  check(slid / tumbled <= 3, `a record changes ${slid} accumulators of slices, ${tumbled} of tumbling windows`)
  const against = "tumbling 1 h"
  const readings = [slid / tumbled]
  result({
    variant: "sliding 1 h by 1 s",
    metric: "accumulators changed by a record",
    unit: "x",
    against,
    readings,
    atMost: 3,
  })
}

/** One burst, after one that warms up the code. */
async function burst(name: string, shape: Burst, { smoke, report, result }: BenchContext): Promise<void> {
  const { windows, aged } = shape
  const readings: Record<"longest" | "all" | "p99" | "pause", number[]> = { longest: [], all: [], p99: [], pause: [] }
  for (let round = 0; round < (smoke ? 1 : 4); round++) {
    const { results, pieces, pauses } = await burstOnce(shape)
    check(results >= windows, `${results} results of ${windows} windows`)
    const pausedIn = ({ startMs, endMs }: Span) =>
      pauses.reduce(
        (sum, pause) => sum + Math.max(0, Math.min(pause.endMs, endMs) - Math.max(pause.startMs, startMs)),
        0,
      )
    const all = pieces.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
    const longest = Math.max(...pieces.map((piece) => Math.max(0, piece.tookMs - pausedIn(piece))))
    const pause = Math.max(0, ...pauses.map(({ startMs, endMs }) => endMs - startMs))
    report(`${name}, round ${round}: ${results} results in ${pieces.length} pieces, ${pauses.length} pauses`)
    if (round === 0 && !smoke) continue
    readings.longest.push(longest)
    readings.all.push(all.at(-1)!)
    readings.p99.push(all[Math.floor(all.length * 0.99)]!)
    readings.pause.push(pause)
  }
  const variant = `burst of ${windows.toLocaleString("en")} keys, ${name}${aged ? "" : ", just filled"}`
  const unit = "ms"
  result({ variant, metric: "longest piece but for the collector", unit, readings: readings.longest, atMost: 5 })
  result({ variant, metric: "p99 of its pieces", unit, readings: readings.p99, atMost: 5 })
  result({ variant, metric: "longest piece", unit, readings: readings.all, ...(aged ? { atMost: 5 } : {}) })
  result({ variant, metric: "longest pause of the collector", unit, readings: readings.pause, atMost: aged ? 5 : 30 })
}

interface Span {
  readonly startMs: number
  readonly endMs: number
}

interface Burst {
  readonly assigner: WindowAssigner<Hit>
  readonly windows: number
  /** Whether the windows have left the young generation. */
  readonly aged: boolean
}

async function burstOnce({ assigner, windows, aged }: Burst) {
  const { operator, context } = open(assigner)
  let results = 0
  const out = { full: false, emit: () => void results++ }
  for (let index = 0; index < windows; index++) {
    const key = `key ${index}`
    context.keyHash = hashKey(key)
    operator.onRecord({ key, amount: index }, 4, out)
  }
  if (aged) growOld()
  const pauses: Span[] = []
  const add = (entries: readonly { readonly startTime: number; readonly duration: number }[]) => {
    for (const { startTime, duration } of entries) pauses.push({ startMs: startTime, endMs: startTime + duration })
  }
  const observer = new PerformanceObserver((list) => add(list.getEntries()))
  observer.observe({ entryTypes: ["gc"] })
  const clock = new ThreadClock()
  const pieces: (Span & { readonly tookMs: number })[] = []
  const piece = (fire: () => void) => {
    const fromMs = clock.cpuMs()
    const startMs = performance.now()
    fire()
    const endMs = performance.now()
    // Of this thread alone: the compiler's and the collector's threads, and other programs, take the clock's time and the process's.
    const cpuMs = clock.cpuMs() - fromMs
    pieces.push({ startMs, endMs, tookMs: cpuMs > 0 ? Math.min(endMs - startMs, cpuMs) : endMs - startMs })
  }
  piece(() => operator.onWatermark!(100, out))
  while (operator.firing === true) piece(() => operator.resume!(out))
  // The collector's entries come in a turn of the event loop.
  await sleep(20)
  observer.disconnect()
  const startMs = pieces[0]!.startMs
  return { results, pieces, pauses: pauses.filter((pause) => pause.endMs > startMs) }
}

const BURST_RUN = new URL("./pipelines/window-burst-run.ts", import.meta.url)

const JOB_WINDOWS = 150_000

/** The metric of the longest step looks back so long. */
const STEPS_KEPT_MS = 10_000

const JOBS = {
  "": { aged: true, youngGenerationMb: undefined },
  ", just filled": { aged: false, youngGenerationMb: undefined },
  ", just filled, young generation of 16 MiB": { aged: false, youngGenerationMb: 16 },
} as const

/** A job on two threads, each of which has half of the windows, in a process of its own: what ran before has left heaps and code. */
async function barrier({ smoke, report, result }: BenchContext): Promise<void> {
  const keys = smoke ? 10_000 : JOB_WINDOWS
  const names = Object.keys(JOBS) as (keyof typeof JOBS)[]
  const readings = Object.fromEntries(
    names.map((name) => [name, { latencies: [], stepsOfCpu: [], steps: [], pauses: [] }]),
  ) as unknown as Record<string, Record<"latencies" | "stepsOfCpu" | "steps" | "pauses", number[]>>
  for (let round = 0; round < (smoke ? 1 : 5); round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) await once(name, round)
  }
  for (const [name, { latencies, stepsOfCpu, steps, pauses }] of Object.entries(readings)) {
    const variant = `job with ${keys.toLocaleString("en")} sessions due at once, 2 workers${name}`
    const unit = "ms"
    const metric = "from asking for a savepoint to its barrier behind the windows"
    result({ variant, metric, unit, readings: latencies, atMost: 50 })
    const { aged, youngGenerationMb } = JOBS[name as keyof typeof JOBS]
    const step = "longest step, or time between two"
    const atMost = aged ? 5 : youngGenerationMb === undefined ? 30 : 20
    result({ variant, metric: step, unit: "ms of CPU", readings: stepsOfCpu, atMost })
    result({ variant, metric: "longest pause of the collector", unit, readings: pauses })
    result({ variant, metric: "longest step by the wall clock", unit, readings: steps })
  }

  async function once(name: keyof typeof JOBS, round: number): Promise<void> {
    const of = readings[name]!
    const { latencyMs, stepCpuMs, stepMs, pauseMs, subtasks } = await inChild<BurstRun>(BURST_RUN, {
      keys,
      ...JOBS[name],
      waitMs: smoke ? 0 : STEPS_KEPT_MS,
      mayEndBeforeBarrier: smoke,
    })
    of.latencies.push(latencyMs)
    of.stepsOfCpu.push(stepCpuMs)
    of.steps.push(stepMs)
    of.pauses.push(pauseMs)
    report(
      `barrier${name}, round ${round}: ${latencyMs.toFixed(1)} ms; longest step ${stepMs.toFixed(1)} ms; by subtask, wall clock: ` +
        `longest time between 16 results but for pauses, longest pause: ${subtasks} ms`,
    )
  }
}

/** Waves of keys that never come back. */
function memory(keysPerWave: number, { result }: BenchContext): void {
  const heapMb = () => heapBytes() / 1e6
  for (const [name, assigner] of [
    ["tumbling", tumbling(10)],
    ["sliding", sliding(10, 5)],
    ["session", session<Hit>(5)],
  ] as const) {
    const { operator, context } = open(assigner as WindowAssigner<Hit>)
    const out = { full: false, emit: () => undefined }
    const wave = (number: number) => {
      for (let index = 0; index < keysPerWave; index++) {
        const key = `wave ${number} key ${index}`
        context.keyHash = hashKey(key)
        operator.onRecord({ key, amount: index }, number * 100, out)
      }
    }
    const purge = (number: number) => {
      operator.onWatermark!(number * 100 + 50, out)
      while (operator.firing === true) operator.resume!(out)
    }
    wave(0)
    purge(0)
    const beforeMb = heapMb()
    let mostMb = 0
    for (let number = 1; number <= 5; number++) {
      wave(number)
      mostMb = Math.max(mostMb, heapMb())
      purge(number)
    }
    const afterMb = heapMb()
    const variant = `${name}, ${keysPerWave.toLocaleString("en")} keys a wave`
    const unit = "MB"
    result({ variant, metric: "heap after the first wave", unit, readings: [beforeMb] })
    result({ variant, metric: "heap with a wave open", unit, readings: [mostMb] })
    result({ variant, metric: "heap after five more", unit, readings: [afterMb] })
    check(afterMb < beforeMb * 1.2 + 5, `${name}: the heap grew from ${beforeMb} to ${afterMb} MB`)
  }
}

const PAUSES =
  "pauses of the collector, while a savepoint of all windows is written in the middle of the burst: docs/operations.md (Long steps and pauses). Of a burst by itself see the rows above"
export const reasons = Object.fromEntries(
  Object.keys(JOBS).map((name) => [
    `job with ${JOB_WINDOWS.toLocaleString("en")} sessions due at once, 2 workers${name}`,
    PAUSES,
  ]),
)
