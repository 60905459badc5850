/**
 * Random pipelines as data: how they are drawn, built, and evaluated by the plainest sequential program.
 * Not drawn: operators whose result depends on the order among records of different senders. Their inputs would have many
 * right outputs; what is fixed of them is in the laws of order.
 */
import fc from "fast-check"
import { DateTime } from "luxon"
import { pipeline, type Stream } from "../src/api/index.ts"
import { transactionalSink } from "../src/connectors/sinks/index.ts"
import { count, sum, valueState } from "../src/operators/index.ts"
import type { LogicalGraph } from "../src/plan/index.ts"
import { memorySource, type Outside } from "../src/sim/index.ts"
import {
  calendar,
  countWindow,
  cumulative,
  evictors,
  globalWindow,
  session,
  sliding,
  slidingCount,
  triggers,
  tumbling,
  type WindowAssigner,
} from "../src/windows/index.ts"
import { transactionsOf } from "./_transactions.ts"

export interface Item {
  readonly k: number
  readonly v: number
  readonly t: number
}

export interface SourceSpec {
  /** In the order of each split. Event times lie within the disorder if the splits are read in order. */
  readonly items: readonly Item[]
  /** Where the items are cut into splits: shares of their number. */
  readonly cuts: readonly number[]
  readonly inOrder: boolean
  /** Its splits are read side by side. Default: false. */
  readonly endless?: boolean
  readonly batches: readonly number[]
  readonly everyMs: number | undefined
  readonly parallelism: number | undefined
  /** Every so many-th record, from the first on, is malformed, and skipped. Default: none. */
  readonly badOneIn?: number | undefined
}

/** `input`: any number; it picks among the streams that are there. */
export type Op =
  | { readonly op: "map" | "rebalance" | "rescale" | "split" | "count" | "total"; readonly input: number }
  | { readonly op: "union"; readonly input: number; readonly other: number }
  | { readonly op: "filter" | "flatMap" | "broadcast"; readonly input: number; readonly n: number }
  | { readonly op: "window" | "timers"; readonly input: number; readonly sizeMs: number; readonly twoPhase?: boolean }
  | {
      readonly op: "windows"
      readonly input: number
      readonly kind: "sliding" | "cumulative" | "session" | "sessionByGap" | "calendar"
      readonly sizeMs: number
      readonly n: number
      readonly twoPhase: boolean
    }
  /** Ends, since when a record falls into them depends on the order of arrival. */
  | { readonly op: "counted" | "evicted"; readonly input: number; readonly size: number; readonly n: number }
  | {
      readonly op: "panes"
      readonly input: number
      readonly sizeMs: number
      readonly n: number
      readonly mode: "accumulating" | "discarding" | "retracting"
    }
  | { readonly op: "clock"; readonly input: number; readonly sizeMs: number }
export type Stage = Op & { readonly parallelism: number | undefined }

export interface Program {
  readonly sources: readonly SourceSpec[]
  readonly stages: readonly Stage[]
  /** Event times and sizes of windows are in so many ms. Default 1. */
  readonly unitMs?: number
  /** Whether sinks write by transactions of the outside. Default: no. */
  readonly transactional?: boolean
}

export const DISORDER_MS = 7
const END_MS = 1e13
const ZONE = "Europe/Berlin"
/** Clocks change two days later. */
const FIRST_MS = Date.UTC(2024, 2, 29)

const parallelism = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined })
const batches = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 })

const items = (max: number): fc.Arbitrary<Item[]> =>
  fc
    .array(
      fc.record({
        k: fc.nat(4),
        v: fc.integer({ min: -5, max: 9 }),
        gap: fc.nat(4),
        back: fc.nat(DISORDER_MS),
      }),
      { maxLength: max, size: "max" },
    )
    .map((list) => {
      let newestMs = 0
      return list.map(({ k, v, gap, back }) => {
        newestMs += gap
        return { k, v, t: Math.max(0, newestMs - back) }
      })
    })

export const sources = (max: number): fc.Arbitrary<SourceSpec> =>
  fc.record({
    items: items(max),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
    inOrder: fc.boolean(),
    endless: fc.boolean(),
    batches,
    everyMs: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    parallelism,
    badOneIn: fc.option(fc.integer({ min: 2, max: 5 }), { nil: undefined, freq: 2 }),
  })

const input = fc.nat(7)
const stateless: fc.Arbitrary<Op>[] = [
  fc.record({ op: fc.constantFrom("map", "rebalance", "rescale", "split"), input }),
  fc.record({ op: fc.constant("union"), input, other: input }),
  fc.record({ op: fc.constantFrom("filter", "flatMap", "broadcast"), input, n: fc.constantFrom(2, 3) }),
]
const stateful: fc.Arbitrary<Op>[] = [
  fc.record({ op: fc.constantFrom("count", "total"), input }),
  fc.record({
    op: fc.constantFrom("window", "timers"),
    input,
    sizeMs: fc.integer({ min: 1, max: 20 }),
    twoPhase: fc.boolean(),
  }),
  fc.record({
    op: fc.constant("windows"),
    input,
    kind: fc.constantFrom("sliding", "cumulative", "session", "sessionByGap", "calendar"),
    sizeMs: fc.integer({ min: 1, max: 12 }),
    n: fc.integer({ min: 1, max: 3 }),
    twoPhase: fc.boolean(),
  }),
  fc.oneof(
    fc.record({
      op: fc.constantFrom("counted", "evicted"),
      input,
      size: fc.integer({ min: 1, max: 4 }),
      n: fc.integer({ min: 1, max: 5 }),
    }),
    fc.record({
      op: fc.constant("panes"),
      input,
      sizeMs: fc.integer({ min: 1, max: 20 }),
      n: fc.integer({ min: 1, max: 3 }),
      mode: fc.constantFrom("accumulating", "discarding", "retracting"),
    }),
    fc.record({ op: fc.constant("clock"), input, sizeMs: fc.integer({ min: 1, max: 200 }) }),
  ),
]

const staged = (op: fc.Arbitrary<Op>): fc.Arbitrary<Stage> =>
  fc.tuple(op, parallelism).map(([each, p]) => ({ ...each, parallelism: p }))

export interface ProgramOptions {
  readonly maxItems: number
  readonly maxStages: number
  /** Whether operators with state are drawn. */
  readonly stateful: boolean
}

/** At most 300 records in all streams together, so that a simulation stays small. */
export function programs({ maxItems, maxStages, stateful: withState }: ProgramOptions): fc.Arbitrary<Program> {
  const ops = withState ? [...stateless, ...stateful, ...stateful] : stateless
  return fc
    .record({
      sources: fc.array(sources(maxItems), { minLength: 1, maxLength: 2 }),
      stages: fc.array(staged(fc.oneof(...ops)), { maxLength: maxStages }),
      unitMs: fc.constantFrom(1, 1, 3 * 3_600_000),
      transactional: fc.boolean(),
    })
    .filter((program) => sizeOf(program) <= 300)
}

export function splitsOf({ items, cuts }: SourceSpec): readonly (readonly Item[])[] {
  const bounds = [0, ...cuts.map((cut) => Math.floor(cut * items.length)).sort((a, b) => a - b), items.length]
  return bounds.slice(1).map((bound, index) => items.slice(bounds[index], bound))
}

/** With the unit of time applied. */
function inMs(program: Program): Program & { readonly disorderMs: number } {
  const { unitMs = 1 } = program
  const firstMs = unitMs === 1 ? 0 : FIRST_MS
  return {
    ...program,
    sources: program.sources.map((each) => ({
      ...each,
      items: each.items.map(({ k, v, t }) => ({ k, v, t: firstMs + t * unitMs })),
    })),
    stages: program.stages.map((stage) =>
      "sizeMs" in stage && stage.op !== "clock" ? { ...stage, sizeMs: stage.sizeMs * unitMs } : stage,
    ),
    disorderMs: DISORDER_MS * unitMs,
  }
}

type WindowsStage = Extract<Stage, { readonly op: "windows" }>

function windowsOf({ kind, sizeMs, n }: WindowsStage): WindowAssigner<Item> {
  switch (kind) {
    case "sliding":
      return sliding(sizeMs * n, sizeMs)
    case "cumulative":
      return cumulative(sizeMs * n, sizeMs)
    case "session":
      return session<Item>(sizeMs)
    case "sessionByGap":
      return session<Item>((item) => gapOf(item, sizeMs))
    case "calendar":
      return calendar("day", { zone: ZONE })
  }
}

/** Of the windows of one key: their first instants, the times that results have, and their records. */
function windowsPlainly({ kind, sizeMs, n }: WindowsStage, ofKey: readonly Item[]): { t: number; held: Item[] }[] {
  const found = new Map<number | string, { t: number; held: Item[] }>()
  const put = (name: number | string, t: number, item: Item): void => {
    const window = found.get(name)
    if (window === undefined) found.set(name, { t, held: [item] })
    else window.held.push(item)
  }
  const size = sizeMs * n
  switch (kind) {
    case "sliding":
      for (const item of ofKey) {
        for (let start = Math.floor(item.t / sizeMs) * sizeMs; start > item.t - size; start -= sizeMs)
          put(start, start + size - 1, item)
      }
      break
    case "cumulative":
      for (const item of ofKey) {
        const start = Math.floor(item.t / size) * size
        for (let end = start + sizeMs; end <= start + size; end += sizeMs) if (end > item.t) put(end, end - 1, item)
      }
      break
    case "calendar":
      for (const item of ofKey) {
        const day = DateTime.fromMillis(item.t, { zone: ZONE }).startOf("day")
        put(day.toMillis(), day.plus({ days: 1 }).toMillis() - 1, item)
      }
      break
    default: {
      const sessions: { t: number; held: Item[] }[] = []
      for (const item of [...ofKey].sort((a, b) => a.t - b.t)) {
        const endMs = item.t + (kind === "session" ? sizeMs : gapOf(item, sizeMs))
        const open = sessions.at(-1)
        if (open === undefined || item.t > open.t) sessions.push({ t: endMs, held: [item] })
        else {
          open.t = Math.max(open.t, endMs)
          open.held.push(item)
        }
      }
      return sessions
    }
  }
  return [...found.values()]
}

function gapOf({ v }: Item, sizeMs: number): number {
  return sizeMs * (1 + (Math.abs(v) % 3))
}

/** A pane, as the sink gets it. */
interface Pane extends Item {
  readonly index: number
  readonly retraction: boolean
}

/** What all panes of each window come to. */
function foldPanes(mode: "accumulating" | "discarding" | "retracting", panes: readonly Pane[]): Item[] {
  const windows = new Map<string, { item: Item; index: number }>()
  for (const { k, v, t, index, retraction } of panes) {
    const name = `${k}/${t}`
    const before = windows.get(name)
    const sum = (before?.item.v ?? 0) + (retraction ? -v : v)
    if (mode !== "accumulating") windows.set(name, { item: { k, v: sum, t }, index })
    else if (before === undefined || index > before.index) windows.set(name, { item: { k, v, t }, index })
  }
  return [...windows.values()].map(({ item }) => item)
}

function sumByKey(rows: readonly Item[]): Item[] {
  return groups(rows, ({ k }) => `${k}`).map((group) => ({ k: group[0]!.k, v: total(group), t: 0 }))
}

/** What the sinks received, as far as it does not depend on the order of arrival, as texts in a fixed order. */
export function received(program: Program, outside: Outside): string[][] {
  return leavesOf(program).map(({ end }, index) => {
    const rows = outside.rows(`out-${index}`).map(({ value }) => value as Item)
    if (end?.op === "panes") return sortedTexts(foldPanes(end.mode, rows as Pane[]))
    return sortedTexts(end?.op === "clock" ? sumByKey(rows) : rows)
  })
}

/** The graph, as a user would write it. Sinks are called `out-n`. */
export function buildGraph(described: Program, outside: Outside): LogicalGraph {
  const program = inMs(described)
  return pipeline("random", ({ source }) => {
    const open: Stream<Item>[] = []
    const read = new Set<Stream<Item>>()
    const ends: Stream<Item>[] = []
    for (const spec of program.sources) {
      const stream = source(
        memorySource({
          splits: splitsOf(spec),
          splitsInOrder: spec.inOrder,
          bounded: spec.endless !== true,
          batches: spec.batches,
          ...(spec.everyMs === undefined ? {} : { everyMs: spec.everyMs }),
          ...(spec.badOneIn === undefined
            ? {}
            : { badRecords: "skip", isMalformed: (item) => isBad(spec, spec.items.indexOf(item as Item)) }),
        }) as Parameters<typeof source<Item>>[0],
        // However slow a schedule is, no time without records makes others late.
        { time: (item) => item.t, outOfOrder: program.disorderMs, idleAfter: "never" },
      )
      if (spec.parallelism !== undefined) stream.parallelism(spec.parallelism)
      open.push(stream)
    }
    const pick = (index: number): Stream<Item> => {
      const stream = open[index % open.length]!
      read.add(stream)
      return stream
    }
    for (const stage of program.stages) {
      const from = pick(stage.input)
      const own = (stream: Stream<Item>): void => {
        if (stage.parallelism !== undefined) stream.parallelism(stage.parallelism)
        if (isEnd(stage)) ends.push(stream)
        else open.push(stream)
      }
      switch (stage.op) {
        case "map":
          own(from.map(mapped))
          break
        case "filter":
          own(from.filter((item) => Math.abs(item.v) % stage.n !== 0))
          break
        case "flatMap":
          own(from.flatMap((item) => copies(item, stage.n)))
          break
        case "split": {
          const { even, rest } = from.split({ even: isEven })
          open.push(even, rest)
          break
        }
        case "union":
          // A union is no operator of its own: the map behind it has several inputs.
          own(from.union(pick(stage.other)).map((item) => item))
          break
        case "rebalance":
          own(from.rebalance().map((item) => item))
          break
        case "rescale":
          own(from.rescale().map((item) => item))
          break
        case "broadcast":
          open.push(
            from
              .broadcast()
              .map((item) => item)
              .parallelism(stage.n),
          )
          break
        case "window": {
          const windows = from.keyBy((item) => item.k).window(tumbling(stage.sizeMs))
          own(
            (stage.twoPhase === true ? windows.twoPhase() : windows)
              .aggregate({ n: count(), s: sum((item: Item) => item.v) })
              .map(({ key, window, n, s }) => ({ k: key, v: s * 3 + n, t: window.end - 1 })),
          )
          break
        }
        case "windows": {
          const windows = from.keyBy((item) => item.k).window(windowsOf(stage))
          const isSession = stage.kind === "session" || stage.kind === "sessionByGap"
          own(
            (stage.twoPhase && !isSession ? windows.twoPhase() : windows)
              .aggregate({ n: count(), s: sum((item: Item) => item.v) })
              .map(({ key, window, n, s }) => ({ k: key, v: s * 3 + n, t: isSession ? window.end : window.end - 1 })),
          )
          break
        }
        case "counted":
          own(
            from
              .keyBy((item) => item.k)
              .window(stage.n < stage.size ? slidingCount(stage.size, stage.n) : countWindow(stage.size))
              .aggregate({ n: count() }, ({ n }, _pane, key) => ({ k: key, v: n, t: 0 })),
          )
          break
        case "evicted":
          own(
            from
              .keyBy((item) => item.k)
              .window(globalWindow())
              .trigger(triggers.count(stage.n) as never)
              .evictor(evictors.count(stage.size))
              .process((records, _pane, key) => [{ k: key, v: records.length, t: 0 }]),
          )
          break
        case "panes":
          own(
            from
              .keyBy((item) => item.k)
              .window(tumbling(stage.sizeMs))
              .trigger(triggers.afterWatermark({ early: triggers.count(stage.n) as never }) as never)
              .panes(stage.mode as "accumulating")
              .aggregate({ n: count() }, ({ n }, { window, index, retraction }, key): Item => {
                const pane: Pane = { k: key, v: n, t: window.end - 1, index, retraction }
                return pane
              }),
          )
          break
        case "clock":
          own(
            from
              .keyBy((item) => item.k)
              .window(tumbling(stage.sizeMs, { time: "processing" }))
              .aggregate({ n: count() }, ({ n }, _pane, key) => ({ k: key, v: n, t: 0 })),
          )
          break
        case "timers":
          own(
            from
              .keyBy((item) => item.k)
              .process<Item, never, { sums: ReturnType<typeof valueState<Record<string, number>>> }>({
                state: { sums: valueState<Record<string, number>>() },
                onRecord(item, ctx) {
                  const at = roundUp(item.t, stage.sizeMs)
                  const sums = { ...ctx.state.sums.get() }
                  sums[at] = (sums[at] ?? 0) + item.v
                  ctx.state.sums.set(sums)
                  ctx.timers.register(at)
                },
                onTimer(timeMs, ctx) {
                  const { [timeMs]: due, ...others } = ctx.state.sums.get() ?? {}
                  ctx.state.sums.set(others)
                  ctx.emit({ k: ctx.key as number, v: due ?? Number.NaN, t: timeMs })
                },
              }),
          )
          break
        case "count":
          own(
            from
              .map((item) => ({ ...item, v: 1, t: 0 }))
              .keyBy((item) => item.k)
              .reduce((a, b) => ({ k: a.k, v: a.v + b.v, t: a.t })),
          )
          break
        case "total":
          own(
            from
              .keyBy((item) => item.k)
              .process<Item, never, { sum: ReturnType<typeof valueState<number>> }>({
                state: { sum: valueState<number>() },
                onRecord(item, ctx) {
                  ctx.state.sum.set((ctx.state.sum.get() ?? 0) + item.v)
                  ctx.timers.register(Number.POSITIVE_INFINITY)
                },
                onTimer(_timeMs, ctx) {
                  ctx.emit({ k: ctx.key as number, v: ctx.state.sum.get() ?? Number.NaN, t: END_MS }, END_MS)
                },
              }),
          )
          break
      }
    }
    const leaves = [...open.filter((stream) => !read.has(stream)), ...ends]
    leaves.forEach((stream, index) => {
      const name = `out-${index}`
      const sink = program.transactional === true ? transactionalSink(transactionsOf(outside, name)) : outside.sink()
      stream.to(sink as ReturnType<Outside["sink"]>).name(name)
    })
  }).build()
}

/** What each sink receives in the end, in no order. */
export function evaluate(program: Program): readonly (readonly Item[])[] {
  return leavesOf(program).map(({ list }) => list)
}

function isEnd({ op }: Op): boolean {
  return op === "count" || op === "total" || op === "counted" || op === "evicted" || op === "panes" || op === "clock"
}

function isBad({ badOneIn }: SourceSpec, index: number): boolean {
  return badOneIn !== undefined && index % badOneIn === 0
}

/** `end`: the stage, of a stream that no other reads for being one. */
function leavesOf(described: Program): { readonly list: Item[]; readonly end?: Stage }[] {
  const program = inMs(described)
  const open: Item[][] = program.sources.map((spec) => spec.items.filter((_, index) => !isBad(spec, index)))
  const read = new Set<Item[]>()
  const ends: { list: Item[]; end: Stage }[] = []
  const byKey = (from: readonly Item[]): Item[][] => groups(from, (item) => `${item.k}`)
  const pick = (index: number): Item[] => {
    const stream = open[index % open.length]!
    read.add(stream)
    return stream
  }
  for (const stage of program.stages) {
    const from = pick(stage.input)
    switch (stage.op) {
      case "map":
        open.push(from.map(mapped))
        break
      case "filter":
        open.push(from.filter((item) => Math.abs(item.v) % stage.n !== 0))
        break
      case "flatMap":
        open.push(from.flatMap((item) => copies(item, stage.n)))
        break
      case "split":
        open.push(
          from.filter(isEven),
          from.filter((item) => !isEven(item)),
        )
        break
      case "union":
        open.push([...from, ...pick(stage.other)])
        break
      case "rebalance":
      case "rescale":
        open.push([...from])
        break
      case "broadcast":
        open.push(from.flatMap((item) => Array.from({ length: stage.n }, () => item)))
        break
      case "window":
        open.push(
          groups(from, (item) => `${item.k}/${Math.floor(item.t / stage.sizeMs)}`).map((group) => ({
            k: group[0]!.k,
            v: total(group) * 3 + group.length,
            t: (Math.floor(group[0]!.t / stage.sizeMs) + 1) * stage.sizeMs - 1,
          })),
        )
        break
      case "timers":
        open.push(
          groups(from, (item) => `${item.k}/${roundUp(item.t, stage.sizeMs)}`).map((group) => ({
            k: group[0]!.k,
            v: total(group),
            t: roundUp(group[0]!.t, stage.sizeMs),
          })),
        )
        break
      case "count":
        ends.push({
          end: stage,
          list: byKey(from).flatMap((group) => group.map(({ k }, index) => ({ k, v: index + 1, t: 0 }))),
        })
        break
      case "total":
        ends.push({
          end: stage,
          list: byKey(from).map((group) => ({ k: group[0]!.k, v: total(group), t: END_MS })),
        })
        break
      case "windows":
        open.push(
          byKey(from).flatMap((group) =>
            windowsPlainly(stage, group).map(({ t, held }) => ({ k: held[0]!.k, v: total(held) * 3 + held.length, t })),
          ),
        )
        break
      case "counted":
        ends.push({
          end: stage,
          list: byKey(from).flatMap((group) =>
            countedPlainly(stage, group.length).map((v) => ({ k: group[0]!.k, v, t: 0 })),
          ),
        })
        break
      case "evicted":
        ends.push({
          end: stage,
          list: byKey(from).flatMap((group) =>
            evictedPlainly(stage, group.length).map((v) => ({ k: group[0]!.k, v, t: 0 })),
          ),
        })
        break
      case "panes":
        ends.push({
          end: stage,
          list: groups(from, (item) => `${item.k}/${Math.floor(item.t / stage.sizeMs)}`).map((group) => ({
            k: group[0]!.k,
            v: group.length,
            t: (Math.floor(group[0]!.t / stage.sizeMs) + 1) * stage.sizeMs - 1,
          })),
        })
        break
      case "clock":
        ends.push({
          end: stage,
          list: byKey(from).map((group) => ({ k: group[0]!.k, v: group.length, t: 0 })),
        })
        break
    }
  }
  return [...open.filter((stream) => !read.has(stream)).map((list) => ({ list })), ...ends]
}

interface CountSpec {
  readonly size: number
  readonly n: number
}

/** How many records the windows of so many records of a key hold. */
function countedPlainly({ size, n }: CountSpec, records: number): number[] {
  const step = n < size ? n : size
  const held: number[] = []
  for (let to = step; to < records + step; to += step) {
    const end = Math.min(to, records)
    held.push(end - Math.max(0, (step < size ? end : to) - size))
  }
  return held
}

/** Fires at every n-th record; what has fired keeps the last ones. */
function evictedPlainly({ size, n }: CountSpec, records: number): number[] {
  const fired: number[] = []
  let held = 0
  for (let index = 1; index <= records; index++) {
    held += 1
    if (index % n !== 0 && index !== records) continue
    held = Math.min(held, size)
    fired.push(held)
  }
  return fired
}

function sizeOf(program: Program): number {
  return evaluate(program).reduce((records, { length }) => records + length, 0)
}

function mapped({ k, v, t }: Item): Item {
  return { k: (k + Math.abs(v)) % 5, v: v + 1, t }
}

function copies({ k, v, t }: Item, n: number): Item[] {
  return Array.from({ length: n }, (_, copy) => ({ k, v: v * n + copy, t }))
}

function isEven({ v }: Item): boolean {
  return Math.abs(v) % 2 === 0
}

function total(list: readonly Item[]): number {
  return list.reduce((all, { v }) => all + v, 0)
}

function roundUp(timeMs: number, sizeMs: number): number {
  return Math.ceil(timeMs / sizeMs) * sizeMs
}

function groups(list: readonly Item[], nameOf: (item: Item) => string): Item[][] {
  const found = new Map<string, Item[]>()
  for (const item of list) {
    const name = nameOf(item)
    const group = found.get(name)
    if (group === undefined) found.set(name, [item])
    else group.push(item)
  }
  return [...found.values()]
}

/** In a fixed order, as texts: for comparing without an order. */
export function sortedTexts(list: readonly unknown[]): string[] {
  // -0 and 0 are one value here: an exchange may lose the sign of zero, sums may make it.
  return list.map((item) => JSON.stringify(item, (_, value) => (value === 0 ? 0 : value))).sort()
}
