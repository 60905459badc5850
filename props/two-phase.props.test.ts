import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { pipeline, type Stream } from "../src/api/index.ts"
import { count, defineAggregate, sum } from "../src/operators/index.ts"
import { HARNESS_WORLDS, type HarnessEvent, runOperator } from "../src/operators/testing.ts"
import type { LogicalGraph } from "../src/plan/index.ts"
import { EXACTLY_ONCE } from "../src/proving/worlds.ts"
import { memorySource, type Outside } from "../src/sim/index.ts"
import {
  calendar,
  createLocalWindowOperator,
  createWindowOperator,
  cumulative,
  type LocalResult,
  LocalWindowOperator,
  sliding,
  tumbling,
  type WindowAssigner,
  type WindowPane,
} from "../src/windows/index.ts"
import { sortedTexts } from "./_pipelines.ts"
import { anyFault, runWorld, Tally, worlds } from "./_worlds.ts"

const tally = new Tally()
afterAll(() => console.log(String(tally)))

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: Math.ceil(times * fc.readConfigureGlobal().numRuns!) })

interface Item {
  readonly id: number
  readonly key: string
  readonly time: number
}

const history = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          key: fc.constantFrom("hot", "hot", "hot", "b", "c"),
          time: fc.integer({ min: -40, max: 60 }),
        }),
      },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 25 }) },
    ),
    { maxLength: 50, size: "max" },
  )
  .map((steps) => {
    let watermarkMs = -50
    return steps.map((step, id): HarnessEvent<Item> => {
      if (typeof step === "number") {
        watermarkMs += step
        return { watermarkMs }
      }
      return { value: { ...step, id }, timeMs: step.time, key: step.key }
    })
  })

const DAY_MS = 86_400_000
const kinds = fc.constantFrom<{ windows: WindowAssigner<Item>; unit: number }>(
  { windows: tumbling(10), unit: 1 },
  { windows: sliding(20, 6), unit: 1 },
  { windows: sliding(21, 7), unit: 1 },
  // Of so many slices that the operator sums them up as they come.
  { windows: sliding(64, 4), unit: 1 },
  { windows: cumulative(20, 5), unit: 1 },
  { windows: calendar("week", { zone: "Asia/Tokyo" }), unit: DAY_MS },
)

/** An accumulator that is no plain data, keeps what it was given, and takes over parts of what it merges. */
class Bag {
  ids: number[]
  constructor(ids: number[]) {
    this.ids = ids
  }
}
const bag = {
  kind: "aggregate" as const,
  aggregate: defineAggregate<Item, Bag, string>({
    create: () => new Bag([]),
    add: (into, { id }) => {
      into.ids.push(id)
      return into
    },
    merge: (left, right) => {
      const [more, fewer] = left.ids.length >= right.ids.length ? [left, right] : [right, left]
      more.ids.push(...fewer.ids)
      return more
    },
    result: ({ ids }) => [...ids].sort((a, b) => a - b).join(","),
    encode: ({ ids }) => ids,
    decode: (plain) => new Bag(plain as number[]),
  }),
  result: (key: string, { start, end }: { start: number; end: number }, ids: string, pane: WindowPane) => ({
    key,
    start,
    end,
    ids,
    index: pane.index,
    timing: pane.timing,
    last: pane.last,
  }),
}
const keyOf = (item: Item): string => item.key

describe("windows in two phases", () => {
  it("TWO-1: of one sender, every pane, every late record and its count are those of one phase", () => {
    const world = fc.constantFrom(...HARNESS_WORLDS)
    const lateness = fc.constantFrom(0, 0, 15)
    fc.assert(
      fc.property(history, kinds, lateness, world, world, (events, { windows, unit }, late, localWorld, worldOf) => {
        const latenessMs = late * unit
        const input = events.map((event): HarnessEvent<Item> => {
          if ("timeMs" in event) return { ...event, timeMs: event.timeMs * unit }
          return "watermarkMs" in event ? { watermarkMs: event.watermarkMs * unit } : event
        })
        const one = runOperator(() => createWindowOperator({ assigner: windows, latenessMs }, keyOf, bag), input)
        const spec = { assigner: windows, latenessMs, twoPhase: true }
        const local = runOperator(() => createLocalWindowOperator(spec, keyOf, bag), input, localWorld)
        const partials = local.main.map((output): HarnessEvent<LocalResult<string>> => {
          // As the exchange carries it.
          if ("value" in output) return { ...output, value: structuredClone(output.value), key: output.value.key }
          return output
        })
        const two = runOperator(
          () =>
            createWindowOperator<LocalResult<string>, string, Bag, string, unknown>(
              spec as never,
              keyOf as never,
              bag as never,
            ),
          partials,
          { ...worldOf, end: false },
        )
        expect(sortedTexts(two.records)).toEqual(sortedTexts(one.records))
        expect(sortedTexts(two.sides.get("late") ?? [])).toEqual(sortedTexts(one.sides.get("late") ?? []))
        expect(two.counts).toEqual(one.counts)
      }),
      runs(1),
    )
  })

  it("TWO-2: however few may be held and however little room there is, each record is handed on once, in its slice", () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 6 }), (events, maxHeld) => {
        // A slice holds all keys here: there is a window for each ms.
        const windows = sliding(4, 1)
        const make = () => new LocalWindowOperator({ keyOf, slicing: windows, aggregate: bag.aggregate, maxHeld })
        const { main } = runOperator(make, events, { roomFor: 2 })
        const ids: number[] = []
        for (const output of main) {
          if (!("value" in output)) continue
          const { isRecord, value } = output.value
          const found = isRecord ? [(value as Item).id] : (value as number[])
          for (const id of found) expect((events[id] as { timeMs: number }).timeMs).toBe(output.timeMs)
          ids.push(...found)
        }
        const wanted = events.flatMap((event) => ("value" in event ? [event.value.id] : []))
        expect(ids.sort((a, b) => a - b)).toEqual(wanted)
      }),
      runs(0.5),
    )
  })

  const skewed = fc.array(
    fc.record({ k: fc.constantFrom(0, 0, 0, 0, 1, 2), v: fc.integer({ min: -5, max: 9 }), t: fc.nat(60) }),
    {
      maxLength: 40,
      size: "max",
    },
  )
  const pace = fc.record({
    everyMs: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    idleAfter: fc.constantFrom("never" as const, 1, 4),
    outOfOrder: fc.constantFrom(0, 3, 60),
    slideMs: fc.constantFrom(5, 7),
    parallelism: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  })

  it.each(EXACTLY_ONCE)(
    "TWO-3, WIN-8: whatever dies, idles or runs ahead, a record is in its window or among the late ones, once: %j",
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(skewed, pace, worlds(anyFault, 3), async (items, how, world) => {
          const { outside } = await runWorld((to) => skewedGraph(items, how, to), world, mode, tally)
          const { found, panes, wanted } = counted(items, how.slideMs, outside)
          expect(panes).toBe(new Set(outside.rows("windows").map(({ value }) => nameOf(value as Pane))).size)
          expect(sortedTexts([...found])).toEqual(sortedTexts([...wanted]))
        }),
        runs(0.3),
      )
    },
  )

  it("TWO-4, OUT-8: at least once, nothing is lost, whatever dies", async () => {
    await fc.assert(
      fc.asyncProperty(skewed, pace, worlds(anyFault, 3), async (items, how, world) => {
        const mode = { kind: "at-least-once" } as const
        const { outside } = await runWorld((to) => skewedGraph(items, how, to), world, mode, tally)
        const { found, wanted } = counted(items, how.slideMs, outside)
        for (const [name, [records]] of wanted) {
          expect([name, found.get(name)?.[0] ?? 0]).toEqual([name, expect.toSatisfy((n: number) => n >= records)])
        }
      }),
      runs(0.3),
    )
  })
})

interface Row {
  readonly k: number
  readonly v: number
  readonly t: number
}

interface Pane {
  readonly key: number
  readonly window: { readonly start: number }
  readonly n: number
  readonly s: number
}

function nameOf({ key, window }: Pane): string {
  return `${key}/${window.start}`
}

/** Records and their sum by key and window: in windows or late, and as there are. */
function counted(items: readonly Row[], sizeMs: number, outside: Outside) {
  const found = new Map<string, readonly [number, number]>()
  const wanted: typeof found = new Map()
  const add = (to: typeof found, name: string, n: number, s: number): void => {
    const [records, total] = to.get(name) ?? [0, 0]
    to.set(name, [records + n, total + s])
  }
  const windowOf = ({ k, t }: Row): string => `${k}/${Math.floor(t / sizeMs) * sizeMs}`
  const panes = outside.rows("windows").map(({ value }) => value as Pane)
  for (const pane of panes) add(found, nameOf(pane), pane.n, pane.s)
  for (const { value } of outside.rows("late")) add(found, windowOf(value as Row), 1, (value as Row).v)
  for (const item of items) add(wanted, windowOf(item), 1, item.v)
  return { found, wanted, panes: panes.length }
}

interface Pace {
  readonly everyMs: number | undefined
  readonly idleAfter: number | "never"
  readonly outOfOrder: number
  readonly slideMs: number
  readonly parallelism: number | undefined
}

/** Splits of different lengths: when the short ones have ended or wait, others go on. */
function skewedGraph(items: readonly Row[], pace: Pace, outside: Outside): LogicalGraph {
  const third = Math.floor(items.length / 3)
  const splits = [items.slice(0, third), items.slice(third)]
  const { everyMs, idleAfter, outOfOrder, slideMs, parallelism } = pace
  const from = memorySource({
    splits,
    splitsInOrder: true,
    batches: [2],
    ...(everyMs === undefined ? {} : { everyMs }),
  })
  return pipeline("skewed", ({ source }) => {
    const stream = source(from, { time: (item) => (item as Row).t, outOfOrder, idleAfter }) as Stream<Row>
    if (parallelism !== undefined) stream.parallelism(parallelism)
    const results = stream
      .keyBy((item) => item.k)
      .window(tumbling(slideMs))
      .twoPhase()
      .aggregate({ n: count(), s: sum((item: Row) => item.v) })
    results.to(outside.sink()).name("windows")
    results.late.to(outside.sink()).name("late")
  }).build()
}
