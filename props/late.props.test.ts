import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { pipeline, type Stream } from "../src/api/index.ts"
import { count } from "../src/operators/index.ts"
import type { LogicalGraph } from "../src/plan/index.ts"
import { EXACTLY_ONCE, faults } from "../src/proving/worlds.ts"
import { memorySource, type Outside } from "../src/sim/index.ts"
import { cumulative, sliding, tumbling, type WindowPane } from "../src/windows/index.ts"
import { runWorld, Tally, worlds } from "./_worlds.ts"

const tally = new Tally()
afterAll(() => console.log(String(tally)))

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: Math.ceil(times * fc.readConfigureGlobal().numRuns!) })

interface Row {
  readonly k: number
  readonly t: number
}

interface PaneRow {
  readonly k: number
  readonly start: number
  readonly end: number
  readonly n: number
  readonly index: number
  readonly timing: WindowPane["timing"]
}

const SIZE = 15
/** Cumulative windows of one start are told apart by their end. */
const KINDS = { tumbling: () => tumbling(SIZE), sliding: () => sliding(SIZE, 5), cumulative: () => cumulative(SIZE, 5) }

interface Spec {
  readonly rows: readonly Row[]
  readonly kind: keyof typeof KINDS
  readonly lateness: number
  readonly twoPhase: boolean
  /** How far behind the newest a record may be and is not late. */
  readonly outOfOrder: number
  readonly parallelism: number | undefined
}

const specs: fc.Arbitrary<Spec> = fc
  .record({
    steps: fc.array(
      fc.record({ k: fc.nat(4), by: fc.integer({ min: 0, max: 4 }), back: fc.constantFrom(0, 0, 0, 9, 25, 40) }),
      {
        minLength: 6,
        maxLength: 40,
        size: "max",
      },
    ),
    kind: fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[])),
    lateness: fc.constantFrom(0, 0, 20),
    twoPhase: fc.boolean(),
    outOfOrder: fc.constantFrom(0, 3),
    parallelism: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
  })
  .map(({ steps, ...spec }) => {
    let newest = 0
    const rows = steps.map(({ k, by, back }): Row => {
      newest += by
      return { k, t: newest - back }
    })
    return { ...spec, rows }
  })

function graphOf({ rows, kind, lateness, twoPhase, outOfOrder, parallelism }: Spec, outside: Outside): LogicalGraph {
  const half = Math.floor(rows.length / 2)
  const from = memorySource({ splits: [rows.slice(0, half), rows.slice(half)], splitsInOrder: true, batches: [2] })
  return pipeline("late", ({ source }) => {
    const stream = source(from, { time: (row) => (row as Row).t, outOfOrder, idleAfter: "never" }) as Stream<Row>
    if (parallelism !== undefined) stream.parallelism(parallelism)
    const windows = stream
      .keyBy(({ k }) => k)
      .window(KINDS[kind]())
      .allowedLateness(lateness)
    const results = (twoPhase ? windows.twoPhase() : windows).aggregate(
      { n: count() },
      ({ n }, { window: { start, end }, index, timing }, k): PaneRow => ({ k, start, end, n, index, timing }),
    )
    results.to(outside.sink()).name("panes")
    results.late.to(outside.sink()).name("late")
  }).build()
}

/** Panes of each key's windows, in the order of their numbers. */
function panesOf(outside: Outside): Map<string, PaneRow[]> {
  const panes = new Map<string, PaneRow[]>()
  for (const { value } of outside.rows("panes")) {
    const { k, start, end } = value as PaneRow
    const name = `${k}/${start}/${end}`
    panes.set(name, [...(panes.get(name) ?? []), value as PaneRow])
  }
  for (const each of panes.values()) each.sort((a, b) => a.index - b.index)
  return panes
}

/** Crash upon crash, each time at another parallelism, with barriers that overtake all there is. */
const restless = fc
  .record({
    world: worlds(faults(fc).crash, 0),
    crashes: fc.array(
      fc.record({
        kind: fc.constant("crash" as const),
        at: fc.record({
          after: fc.constantFrom("complete" as const, "publish" as const, "ack" as const),
          nth: fc.integer({ min: 1, max: 3 }),
          steps: fc.nat(30),
        }),
        keep: fc.constant(0),
        shape: fc.record({ parallelism: fc.integer({ min: 1, max: 4 }), workers: fc.integer({ min: 1, max: 2 }) }),
      }),
      { minLength: 2, maxLength: 4 },
    ),
    everyMs: fc.constantFrom(5, 10, 20),
    holds: fc.array(fc.record({ at: fc.nat(400), pick: fc.nat(12), hold: fc.constantFrom(20, 60, 150) }), {
      minLength: 2,
      maxLength: 8,
    }),
  })
  .map(({ world, crashes, everyMs, holds }) => ({
    ...world,
    faults: crashes,
    everyMs,
    timeoutMs: 5_000,
    minPauseMs: 0,
    schedule: { ...world.schedule, preemptions: holds },
  }))

function check(spec: Spec, outside: Outside): void {
  const late = outside.rows("late").map(({ value }) => value as Row)
  for (const [name, each] of panesOf(outside)) {
    expect([name, each.map(({ index }) => index)]).toEqual([name, each.map((_, number) => number)])
    if (spec.lateness === 0) expect([name, each.length]).toEqual([name, 1])
    const [{ k, start, end }] = each as [PaneRow]
    const inside = spec.rows.filter(({ k: key, t }) => key === k && t >= start && t < end)
    expect(each.at(-1)!.n).toBeLessThanOrEqual(inside.length)
    for (const [number, { n }] of each.entries()) {
      if (number > 0) expect([name, n]).toEqual([name, expect.toSatisfy((is) => is > each[number - 1]!.n)])
    }
    if (spec.kind !== "tumbling") continue
    const tooLate = late.filter(({ k: key, t }) => key === k && t >= start && t < end)
    expect([name, each.at(-1)!.n + tooLate.length]).toEqual([name, inside.length])
  }
}

describe("windows and late records, whatever crashes and at any other parallelism", () => {
  it.each(EXACTLY_ONCE)(
    "WIN-4, WIN-8, TIM-1: a window fires once, then once for each late record, and none is lost between: %j",
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(specs, worlds(faults(fc).crash, 3), async (spec, world) => {
          const { outside } = await runWorld((to) => graphOf(spec, to), world, mode, tally)
          check(spec, outside)
        }),
        runs(0.5),
      )
    },
  )

  it("RSC-4, WIN-8: so they do when it goes on elsewhere before it has gone on from the last time", async () => {
    await fc.assert(
      fc.asyncProperty(specs, restless, async (spec, world) => {
        const mode = { kind: "unaligned", timeoutMs: 0 } as const
        const { outside } = await runWorld((to) => graphOf(spec, to), world, mode, tally)
        check(spec, outside)
      }),
    )
  })
})
