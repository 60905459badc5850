/**
 * Questions: what does a record cost in windows that overlap, beside windows that do not? What does a burst of 150,000 windows do
 * to a step? Does memory come back when windows are gone?
 * Topology: one operator, fed by hand on one thread: no channels, no codecs.
 * Baseline: tumbling windows of an hour over the same records. Bounds: sliding an hour by a second at most 3 times that per record,
 * results aside; 99 pieces of 100 of the burst below 5 ms, the heap back within 20 % of where it began.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Operator, OperatorContext } from "../src/contracts/index.ts"
import { combineAggregates, count, max, sum } from "../src/operators/index.ts"
import { HarnessContext } from "../src/operators/testing.ts"
import { hashKey } from "../src/state/index.ts"
import { createWindowOperator, session, sliding, tumbling, type WindowAssigner } from "../src/windows/index.ts"
import { type Bench, type BenchContext, check, median, ratios } from "./bench.ts"

interface Hit {
  readonly key: string
  readonly amount: number
}

const combined = combineAggregates({
  records: count(),
  total: sum((hit: Hit) => hit.amount),
  best: max((hit: Hit) => hit.amount),
})

type Windows = Operator<Hit, unknown> & { readonly accumulators?: number; readonly firing?: boolean }

function open(assigner: WindowAssigner<Hit>): { operator: Windows; context: HarnessContext } {
  const operator = createWindowOperator<Hit, string, never, never, unknown>({ assigner }, (hit) => hit.key, {
    kind: "aggregate",
    aggregate: combined as never,
    result: combined.windowed as never,
  }) as Windows
  const context = new HarnessContext()
  operator.open!(context as OperatorContext)
  return { operator, context }
}

const bench: Bench = async (context) => {
  const { smoke } = context
  overlap(context)
  for (const [name, assigner] of [
    ["tumbling", tumbling(10)],
    ["sliding", sliding(10, 5)],
    ["session", session<Hit>(5)],
  ] as const) {
    burst(name, assigner as WindowAssigner<Hit>, smoke ? 30_000 : 150_000, context)
  }
  memory(smoke ? 20_000 : 200_000, context)
}
export default bench

/** CPU time: what else runs on the machine does not count. */
function cpuMs(): number {
  return process.cpuUsage().user / 1_000
}

/** Per key 20 records a second of event time, in order, a watermark each second. */
function overlap({ smoke, report, result }: BenchContext): void {
  const keys = Array.from({ length: smoke ? 5 : 20 }, (_, index) => `key ${index}`)
  const hashes = keys.map(hashKey)
  const seconds = smoke ? 5_400 : 9_000
  const perSecond = 20
  const records = keys.length * perSecond * seconds
  const readings: Record<string, number[]> = { tumbling: [], sliding: [], adding: [], results: [] }
  const most: Record<string, number> = {}
  for (let round = 0; round < (smoke ? 1 : 3); round++) {
    for (const [name, assigner] of [
      ["tumbling", tumbling("1h")],
      ["sliding", sliding("1h", "1s")],
    ] as const) {
      const { operator, context } = open(assigner)
      let results = 0
      const out = { full: false, emit: () => void results++ }
      let firingMs = 0
      most[name] = 0
      const startMs = cpuMs()
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
        firingMs += cpuMs() - fromMs
        if (second % 900 === 0) most[name] = Math.max(most[name], operator.accumulators ?? 0)
      }
      const ms = cpuMs() - startMs
      readings[name]!.push((ms * 1e6) / records)
      if (name === "sliding") {
        readings.results!.push((firingMs * 1e6) / results)
        readings.adding!.push(((ms - firingMs) * 1e6) / records)
        check(results >= (seconds - 1) * keys.length, `sliding windows gave ${results} results`)
      }
    }
  }
  report(
    `records: ${records}, ${keys.length} keys, each ${perSecond} a second; a result per key and second of sliding windows; ` +
      `each window by itself would add a record 3,600 times`,
  )
  const plain = "tumbling 1 h"
  const overlapping = "sliding 1 h by 1 s"
  const row = { metric: "a record", unit: "ns of CPU" }
  result({ variant: plain, ...row, readings: readings.tumbling! })
  result({ variant: overlapping, ...row, readings: readings.adding! })
  const against = { metric: "a record", unit: "x", against: plain }
  result({ variant: overlapping, ...against, readings: ratios(readings.adding!, readings.tumbling!), atMost: 3 })
  const withResults = ratios(readings.sliding!, readings.tumbling!)
  result({ variant: `${overlapping}, its results included`, ...against, readings: withResults })
  result({ variant: overlapping, metric: "a result", unit: "ns of CPU", readings: readings.results! })
  for (const [variant, name] of [
    [plain, "tumbling"],
    [overlapping, "sliding"],
  ] as const) {
    result({ variant, metric: "accumulators", unit: "held at most", readings: [most[name]!] })
  }
  const naive = 3_600 * keys.length
  result({ variant: "each window by itself", metric: "accumulators", unit: "held at most", readings: [naive] })
}

function burst(name: string, assigner: WindowAssigner<Hit>, windows: number, { result }: BenchContext): void {
  const { operator, context } = open(assigner)
  let results = 0
  const out = { full: false, emit: () => void results++ }
  for (let index = 0; index < windows; index++) {
    const key = `key ${index}`
    context.keyHash = hashKey(key)
    operator.onRecord({ key, amount: index }, 4, out)
  }
  const piecesMs: number[] = []
  const piece = (fire: () => void) => {
    const fromMs = cpuMs()
    fire()
    piecesMs.push(cpuMs() - fromMs)
  }
  piece(() => operator.onWatermark!(100, out))
  while (operator.firing === true) piece(() => operator.resume!(out))
  const sorted = piecesMs.toSorted((a, b) => a - b)
  const p99 = sorted[Math.floor(sorted.length * 0.99)]!
  check(results >= windows, `${results} results of ${windows} windows`)
  const variant = `burst of ${windows.toLocaleString("en-US")} ${name} keys`
  const unit = "ms of CPU"
  result({ variant, metric: "median piece", unit, readings: [median(sorted)] })
  // The collector's work is included; a barrier waits for one piece.
  result({ variant, metric: "p99 of its pieces", unit, readings: [p99], atMost: 5 })
  result({ variant, metric: "longest piece", unit, readings: [sorted.at(-1)!] })
}

/** Waves of keys that never come back. */
function memory(keysPerWave: number, { result }: BenchContext): void {
  setFlagsFromString("--expose-gc")
  const collectGarbage = runInNewContext("gc") as () => void
  const heapMb = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed / 1e6
  }
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
    const variant = `${name}, ${keysPerWave.toLocaleString("en-US")} keys a wave`
    result({ variant, metric: "heap before", unit: "bytes", readings: [beforeMb * 1e6] })
    result({ variant, metric: "heap with a wave", unit: "bytes", readings: [mostMb * 1e6] })
    result({ variant, metric: "heap after five waves", unit: "bytes", readings: [afterMb * 1e6] })
    check(afterMb < beforeMb * 1.2 + 5, `${name}: the heap grew from ${beforeMb} to ${afterMb} MB`)
  }
}
