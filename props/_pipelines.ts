/**
 * Random pipelines as data: how they are drawn, built, and evaluated by the plainest sequential program.
 * Not drawn: operators whose result depends on the order among records of different senders. Their inputs would have many
 * right outputs; what is fixed of them is in the laws of order.
 */
import fc from "fast-check"
import { pipeline, type Stream } from "../src/api/index.ts"
import { count, sum, valueState } from "../src/operators/index.ts"
import type { LogicalGraph } from "../src/plan/index.ts"
import { memorySource, type Outside } from "../src/sim/index.ts"
import { tumbling } from "../src/windows/index.ts"

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
  readonly batches: readonly number[]
  readonly everyMs: number | undefined
  readonly parallelism: number | undefined
}

/** `input`: any number; it picks among the streams that are there. */
export type Op =
  | { readonly op: "map" | "rebalance" | "rescale" | "split" | "count" | "total"; readonly input: number }
  | { readonly op: "union"; readonly input: number; readonly other: number }
  | { readonly op: "filter" | "flatMap" | "broadcast"; readonly input: number; readonly n: number }
  | { readonly op: "window" | "timers"; readonly input: number; readonly sizeMs: number; readonly twoPhase?: boolean }
export type Stage = Op & { readonly parallelism: number | undefined }

export interface Program {
  readonly sources: readonly SourceSpec[]
  readonly stages: readonly Stage[]
}

export const DISORDER_MS = 7
const END_MS = 1_000_000

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
    batches,
    everyMs: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    parallelism,
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
    })
    .filter((program) => sizeOf(program) <= 300)
}

export function splitsOf({ items, cuts }: SourceSpec): readonly (readonly Item[])[] {
  const bounds = [0, ...cuts.map((cut) => Math.floor(cut * items.length)).sort((a, b) => a - b), items.length]
  return bounds.slice(1).map((bound, index) => items.slice(bounds[index], bound))
}

/** The graph, as a user would write it. Sinks are called `out-n`. */
export function buildGraph(program: Program, outside: Outside): LogicalGraph {
  return pipeline("random", ({ source }) => {
    const open: Stream<Item>[] = []
    const read = new Set<Stream<Item>>()
    const ends: Stream<Item>[] = []
    for (const spec of program.sources) {
      const stream = source(
        memorySource({
          splits: splitsOf(spec),
          splitsInOrder: spec.inOrder,
          batches: spec.batches,
          ...(spec.everyMs === undefined ? {} : { everyMs: spec.everyMs }),
        }) as Parameters<typeof source<Item>>[0],
        { time: (item) => item.t, outOfOrder: DISORDER_MS },
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
        if (stage.op === "count" || stage.op === "total") ends.push(stream)
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
      stream.to(outside.sink()).name(`out-${index}`)
    })
  }).build()
}

/** What each sink receives in the end, in no order. */
export function evaluate(program: Program): readonly (readonly Item[])[] {
  const open: Item[][] = program.sources.map(({ items }) => [...items])
  const read = new Set<Item[]>()
  const ends: Item[][] = []
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
        ends.push(
          groups(from, (item) => `${item.k}`).flatMap((group) =>
            group.map(({ k }, index) => ({ k, v: index + 1, t: 0 })),
          ),
        )
        break
      case "total":
        ends.push(groups(from, (item) => `${item.k}`).map((group) => ({ k: group[0]!.k, v: total(group), t: END_MS })))
        break
    }
  }
  return [...open.filter((stream) => !read.has(stream)), ...ends]
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
