import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defineAggregate } from "../src/operators/index.ts"
import { HARNESS_WORLDS, type HarnessEvent, runOperator } from "../src/operators/testing.ts"
import {
  calendar,
  countWindow,
  createWindowOperator,
  cumulative,
  evictors,
  globalWindow,
  type PaneMode,
  session,
  sliding,
  slidingCount,
  type Trigger,
  triggers,
  tumbling,
  type WindowAssigner,
  type WindowPane,
  type WindowSpec,
} from "../src/windows/index.ts"
import {
  evaluate,
  everyCumulative,
  everyWindow,
  type Item,
  inOrder,
  type ModelPane,
  type ModelWindows,
} from "./_window-model.ts"

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: Math.ceil(times * fc.readConfigureGlobal().numRuns!) })
const END = Number.POSITIVE_INFINITY

const items = fc
  .array(
    fc.record({
      key: fc.constantFrom("a", "b", "c"),
      time: fc.integer({ min: -60, max: 60 }),
      gap: fc.integer({ min: 1, max: 12 }),
    }),
    { maxLength: 30, size: "max" },
  )
  .map((list): Item[] => list.map((item, id) => ({ ...item, id })))

/** Records, rising watermarks, and a clock that goes forward, in any order. */
const history = fc
  .record({
    items,
    marks: fc.array(fc.record({ after: fc.nat(30), timeMs: fc.integer({ min: -70, max: 70 }) }), {
      maxLength: 8,
      size: "max",
    }),
    ticks: fc.array(fc.record({ after: fc.nat(30), byMs: fc.nat(20) }), { maxLength: 8, size: "max" }),
  })
  .map(({ items, marks, ticks }) => {
    const input: HarnessEvent<Item>[] = []
    let watermarkMs = Number.NEGATIVE_INFINITY
    let processingTimeMs = 1_000
    for (const [index, item] of items.entries()) {
      for (const tick of ticks) {
        if (tick.after !== index) continue
        processingTimeMs += tick.byMs
        input.push({ processingTimeMs })
      }
      for (const mark of marks) {
        if (mark.after !== index || mark.timeMs <= watermarkMs) continue
        watermarkMs = mark.timeMs
        input.push({ watermarkMs })
      }
      input.push({ value: item, timeMs: item.time, key: item.key })
    }
    return input
  })
const world = fc.constantFrom(...HARNESS_WORLDS)
const mode = fc.constantFrom<PaneMode>("accumulating", "discarding", "retracting")
const lateness = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 }))

const kinds = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: -50, max: 50 })).map(([size, offset]) => ({
    assigner: tumbling(size, { offset }) as WindowAssigner<Item>,
    model: everyWindow(size, size, offset),
  })),
  fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.nat(19), fc.integer({ min: -50, max: 50 }))
    .map(([size, less, offset]) => [size, Math.max(1, size - less), offset] as const)
    .map(([size, slide, offset]) => ({
      assigner: sliding(size, slide, { offset }) as WindowAssigner<Item>,
      model: everyWindow(size, slide, offset),
    })),
  fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: -50, max: 50 }))
    .map(([step, times, offset]) => ({
      assigner: cumulative(step * times, step, { offset }) as WindowAssigner<Item>,
      model: everyCumulative(step * times, step, offset),
    })),
  fc.constant({
    assigner: session<Item>((item) => item.gap) as WindowAssigner<Item>,
    model: { kind: "session" } as ModelWindows,
  }),
)

/** The ids of the records, so that nothing can be lost or counted twice unseen. Changes its accumulators in place. */
const ids = defineAggregate<Item, number[], readonly number[]>({
  create: () => [],
  add(list, item) {
    list.push(item.id)
    return list
  },
  merge(left, right) {
    left.push(...right)
    return left
  },
  result: (list) => list.sort((a, b) => a - b),
})

/**
 * The same, and takes out again what was merged; exactly so but for records that `tainted` names. It refuses to take out what is
 * not in.
 */
const retractingIds = (tainted: (id: number) => boolean) =>
  defineAggregate<Item, number[], readonly number[]>({
    ...ids,
    retract(left, merged) {
      if (left.some(tainted) || merged.some(tainted)) throw new Error(`${left} less ${merged} is not exact`)
      for (const id of merged) {
        const place = left.indexOf(id)
        if (place === -1) throw new Error(`${id} is taken out of ${left}`)
        left.splice(place, 1)
      }
      return left
    },
    retractsExactly: (list) => !list.some(tainted),
  })

const paneOf = (key: string, found: readonly number[], pane: WindowPane): Omit<ModelPane, "timeMs"> => ({
  key,
  start: pane.window.start,
  end: pane.window.end,
  index: pane.index,
  timing: pane.timing,
  last: pane.last,
  retraction: pane.retraction,
  ids: [...found],
})

function make(spec: WindowSpec<Item>, aggregate = ids) {
  return createWindowOperator<Item, string, number[], readonly number[], Omit<ModelPane, "timeMs">>(
    spec,
    (item) => item.key,
    { kind: "aggregate", aggregate, result: (key, _window, found, pane) => paneOf(key, found, pane) },
  )
}

function run(
  spec: WindowSpec<Item>,
  input: readonly HarnessEvent<Item>[],
  options: Parameters<typeof runOperator>[2] = {},
  aggregate = ids,
) {
  const result = runOperator(() => make(spec, aggregate), input, { nowMs: 1_000, ...options })
  const late = (result.sides.get("late") ?? []).map(({ value }) => (value as Item).id)
  return { ...result, panes: result.records.map(({ value, timeMs }) => ({ ...value, timeMs })), late }
}

describe("WIN-1, WIN-2, WIN-4, WIN-6: windows of every kind", () => {
  it("emit the panes of the plainest evaluation, with their numbers and timing, and hand on late records once", () => {
    fc.assert(
      fc.property(kinds, lateness, mode, history, world, ({ assigner, model }, latenessMs, panes, input, options) => {
        const found = run({ assigner, latenessMs, panes }, input, options)
        const plain = evaluate(input, model, latenessMs, panes)
        expect(inOrder(found.panes)).toEqual(inOrder(plain.panes))
        expect(found.late).toEqual(plain.late)
        expect(found.counts.late).toBe(plain.late.length)
      }),
      runs(0.25),
    )
  })

  it("WIN-6: do so, restored after every event, when slices are taken out of a total again, as far as that is exact", () => {
    const overlapping = fc.oneof(
      fc.tuple(fc.integer({ min: 8, max: 40 }), fc.integer({ min: 1, max: 3 })).map(([size, slide]) => ({
        assigner: sliding(size, slide) as WindowAssigner<Item>,
        model: everyWindow(size, slide, 0),
      })),
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 7, max: 12 })).map(([step, times]) => ({
        assigner: cumulative(step * times, step) as WindowAssigner<Item>,
        model: everyCumulative(step * times, step, 0),
      })),
    )
    // Of one key, so that many slices are in a window.
    const ofOneKey = history.map((input) =>
      input.map((event) => ("value" in event ? { ...event, key: "a", value: { ...event.value, key: "a" } } : event)),
    )
    const taint = fc.constantFrom(0, 0, 5, 2)
    const item = (id: number, time: number): HarnessEvent<Item> => ({
      value: { id, key: "a", time, gap: 1 },
      timeMs: time,
      key: "a",
    })
    // Into slices that are in the total already: one that was there, and one that was not.
    const times = [0, 2, 4, 6, 8, 12, 14, 16, 18]
    const early = times.map((time, id) => item(id, time))
    const outOfOrder = [...early, { watermarkMs: 19 }, item(20, 3), item(21, 10), { watermarkMs: 29 }, item(22, 22)]
    const overlaps = { assigner: sliding(40, 2) as WindowAssigner<Item>, model: everyWindow(40, 2, 0) }
    // Seed 1229840699: the windows of one call cost more than it may, and its last one leaves no key behind.
    const wide = { assigner: sliding(31, 2) as WindowAssigner<Item>, model: everyWindow(31, 2, 0) }
    const costly = [item(0, 30), item(1, 0)]
    fc.assert(
      fc.property(
        overlapping,
        lateness,
        ofOneKey,
        world,
        taint,
        ({ assigner, model }, latenessMs, input, options, of) => {
          const aggregate = retractingIds((id) => of > 0 && id % of === 0)
          const found = run({ assigner, latenessMs }, input, options, aggregate)
          const plain = evaluate(input, model, latenessMs)
          expect(inOrder(found.panes)).toEqual(inOrder(plain.panes))
          expect(found.late).toEqual(plain.late)
        },
      ),
      {
        ...runs(0.5),
        examples: HARNESS_WORLDS.flatMap((each) => [
          [overlaps, 0, outOfOrder, each, 0],
          [wide, 8, costly, each, 0],
        ]),
      },
    )
  })

  it("do so whichever operator runs them: with the usual trigger named, or with records kept", () => {
    fc.assert(
      fc.property(kinds, lateness, history, fc.boolean(), ({ assigner, model }, latenessMs, input, keep) => {
        const spec: WindowSpec<Item> = keep
          ? { assigner, latenessMs, evictor: evictors.count(1_000) }
          : { assigner, latenessMs, trigger: triggers.eventTime() }
        expect(inOrder(run(spec, input).panes)).toEqual(inOrder(evaluate(input, model, latenessMs).panes))
      }),
      runs(0.5),
    )
  })

  it("leave in the order of time within a watermark, before it is handed on", () => {
    fc.assert(
      fc.property(kinds, history, world, ({ assigner }, input, options) => {
        const { main } = run({ assigner }, input, options)
        let watermarkMs = Number.NEGATIVE_INFINITY
        let newestMs = Number.NEGATIVE_INFINITY
        for (const output of main) {
          if ("value" in output) {
            expect(output.timeMs).toBeGreaterThan(watermarkMs)
            expect(output.timeMs).toBeGreaterThanOrEqual(newestMs)
            newestMs = output.timeMs
          } else {
            expect(newestMs).toBeLessThanOrEqual(output.watermarkMs)
            watermarkMs = output.watermarkMs
          }
        }
      }),
      runs(0.25),
    )
  })

  it("end with the same contents for every order of records with no late one, and every pace of watermarks", () => {
    fc.assert(
      fc.property(
        kinds,
        items.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        fc.nat(3),
        ({ assigner }, [list, shuffled], every) => {
          const plain = (order: readonly Item[]): HarnessEvent<Item>[] =>
            order.map((item) => ({ value: item, timeMs: item.time, key: item.key }))
          const sorted = [...list].sort((a, b) => a.time - b.time)
          const paced = sorted.flatMap((item, index): HarnessEvent<Item>[] => [
            ...plain([item]),
            ...(index % (every + 1) === 0 ? [{ watermarkMs: item.time - 1 }] : []),
          ])
          const wanted = inOrder(run({ assigner }, plain(list)).panes)
          expect(inOrder(run({ assigner }, plain(shuffled)).panes)).toEqual(wanted)
          expect(inOrder(run({ assigner }, paced).panes)).toEqual(wanted)
        },
      ),
      runs(0.5),
    )
  })
})

describe("WIN-3: sessions", () => {
  it("are the connected components of records no further apart than the gap, in whatever order they come", () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 12 }), (list, gap) => {
        const input = list.map((item) => ({ value: item, timeMs: item.time, key: item.key }))
        const found = run({ assigner: session<Item>(gap) as WindowAssigner<Item> }, input).panes
        const components: string[] = []
        for (const key of ["a", "b", "c"]) {
          const sorted = list.filter((item) => item.key === key).sort((a, b) => a.time - b.time)
          let part: Item[] = []
          for (const [index, item] of sorted.entries()) {
            part.push(item)
            if (index + 1 < sorted.length && sorted[index + 1]!.time - item.time <= gap) continue
            components.push(
              `${key} ${part[0]!.time} ${item.time + gap} ${part.map(({ id }) => id).sort((a, b) => a - b)}`,
            )
            part = []
          }
        }
        expect(found.map(({ key, start, end, ids }) => `${key} ${start} ${end} ${ids}`).sort()).toEqual(
          components.sort(),
        )
      }),
      runs(0.5),
    )
  })
})

const trigger: fc.Arbitrary<Trigger<Item>> = fc.letrec<{ tree: Trigger<Item> }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    fc.integer({ min: 1, max: 4 }).map((n) => triggers.count(n) as Trigger<Item>),
    fc.constant(triggers.eventTime() as Trigger<Item>),
    fc.constant(triggers.never() as Trigger<Item>),
    fc.integer({ min: 1, max: 15 }).map((ms) => triggers.continuous(ms) as Trigger<Item>),
    fc.integer({ min: 1, max: 15 }).map((ms) => triggers.continuous(ms, { time: "processing" }) as Trigger<Item>),
    fc.integer({ min: 1, max: 15 }).map((ms) => triggers.delay(ms) as Trigger<Item>),
    fc.array(tie("tree"), { minLength: 1, maxLength: 3 }).map((parts) => triggers.any(...parts) as Trigger<Item>),
    fc.array(tie("tree"), { minLength: 1, maxLength: 3 }).map((parts) => triggers.all(...parts) as Trigger<Item>),
    fc.array(tie("tree"), { minLength: 1, maxLength: 3 }).map((parts) => triggers.sequence(...parts) as Trigger<Item>),
    tie("tree").map((part) => triggers.repeat(part) as Trigger<Item>),
    tie("tree").map((part) => triggers.once(part) as Trigger<Item>),
    fc
      .tuple(tie("tree"), tie("tree"))
      .map(([early, late]) => triggers.afterWatermark({ early, late }) as Trigger<Item>),
  ),
})).tree
const anyKind = fc.oneof(
  kinds.map(({ assigner }) => assigner),
  fc.constant(globalWindow() as WindowAssigner<Item>),
  fc.integer({ min: 1, max: 20 }).map((size) => tumbling(size, { time: "processing" }) as WindowAssigner<Item>),
  fc.integer({ min: 1, max: 20 }).map((gap) => session<Item>(gap, { time: "processing" }) as WindowAssigner<Item>),
)
const spec = fc.record({ assigner: anyKind, trigger, panes: mode, latenessMs: lateness }).map(
  ({ assigner, latenessMs, ...rest }): WindowSpec<Item> => ({
    ...rest,
    assigner,
    latenessMs: assigner.time === "processing" || assigner.kind === "global" ? 0 : latenessMs,
  }),
)

describe("WIN-3, WIN-4, OUT-9: panes of any trigger", () => {
  it("add up when discarding, replace when accumulating, take back exactly when retracting, and lose nothing", () => {
    fc.assert(
      fc.property(spec, history, world, (spec, input, options) => {
        const { panes, late, counts } = run(spec, input, options)
        const sorted = (list: Iterable<number>) => [...list].sort((a, b) => a - b)
        const everyId = input.flatMap((event) => ("value" in event ? [event.value.id] : []))
        const inPanes = new Set(panes.flatMap((pane) => pane.ids))
        // Every record is late or in a pane, and none is both.
        expect(sorted([...inPanes, ...late])).toEqual(everyId)
        expect(counts).toEqual({ late: late.length, skipped: 0 })
        if (spec.assigner.kind === "session") return
        const byWindow = new Map<string, typeof panes>()
        for (const pane of panes) {
          const name = `${pane.key} ${pane.start} ${pane.end}`
          byWindow.set(name, [...(byWindow.get(name) ?? []), pane])
        }
        for (const ofWindow of byWindow.values()) {
          const said = ofWindow.filter(({ retraction }) => !retraction)
          expect(said.map(({ index }) => index)).toEqual(said.map((_, index) => index))
          expect(said.slice(0, -1).some(({ last }) => last)).toBe(false)
          if (spec.panes === "discarding") {
            const all = said.flatMap(({ ids }) => ids)
            expect(new Set(all).size).toBe(all.length)
          } else {
            for (const [index, pane] of said.entries()) {
              if (index > 0) expect(pane.ids).toEqual(expect.arrayContaining([...said[index - 1]!.ids]))
            }
          }
          if (spec.panes === "retracting") {
            const rest = ofWindow.reduce((held, { retraction, index }) => held + (retraction ? -1 : 1) * (index + 1), 0)
            expect(rest).toBe(said.length)
          }
        }
      }),
      runs(1.5),
    )
  })

  it("WIN-7, WIN-5: are the same when restored at any point, and leave no state and no timer", () => {
    fc.assert(
      fc.property(spec, history, world, (spec, input, options) => {
        const plain = run(spec, input)
        const other = run(spec, input, options)
        expect(other.main).toEqual(plain.main)
        expect(other.late).toEqual(plain.late)
        for (const { operator, stores } of [plain, other]) {
          expect(stores.get("windows")?.size ?? 0).toBe(0)
          expect((operator as { timers?: number }).timers ?? 0).toBe(0)
        }
      }),
      runs(0.25),
    )
  })
})

describe("WIN-7, WIN-5: windows with the usual trigger", () => {
  it("are the same when restored at any point, and leave nothing", () => {
    fc.assert(
      fc.property(kinds, lateness, mode, history, world, ({ assigner }, latenessMs, panes, input, options) => {
        const plain = run({ assigner, latenessMs, panes }, input)
        const other = run({ assigner, latenessMs, panes }, input, options)
        expect(other.main).toEqual(plain.main)
        expect(other.late).toEqual(plain.late)
        const { operator, stores } = other
        expect(stores.get("windows")?.size ?? 0).toBe(0)
        const left = operator as { timers?: number; accumulators?: number; keys?: number; windows?: number }
        expect([left.timers ?? 0, left.accumulators ?? 0, left.keys ?? 0, left.windows ?? 0]).toEqual([0, 0, 0, 0])
      }),
      runs(0.1),
    )
  })

  it("hold the plain evaluation's open windows and no more after each event", () => {
    fc.assert(
      fc.property(kinds, lateness, history, ({ assigner }, latenessMs, input) => {
        fc.pre(assigner.kind === "session")
        const { stores, operator } = run({ assigner, latenessMs }, input, { end: false })
        const held = [...(stores.get("windows")?.entries() ?? [])].map(([, value]) => value as { windows: unknown[] })
        const keys = held.length
        expect((operator as unknown as { timers: number }).timers).toBe(keys)
        expect(held.every(({ windows }) => windows.length > 0)).toBe(true)
      }),
      runs(0.5),
    )
  })
})

describe("count windows", () => {
  it("hold each run of n records of a key, and what is left at the end; sliding ones the last n", () => {
    fc.assert(
      fc.property(
        items,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        world,
        (list, size, slide, options) => {
          const input = list.map((item) => ({ value: item, timeMs: item.time, key: item.key }))
          const assigner = slide <= size ? slidingCount(size, slide) : countWindow(size)
          const step = slide <= size ? slide : size
          const wanted: string[] = []
          for (const key of ["a", "b", "c"]) {
            const ofKey = list.filter((item) => item.key === key)
            for (let to = step; to < ofKey.length + step; to += step) {
              const end = step < size ? Math.min(to, ofKey.length) : to
              const held = ofKey.slice(Math.max(0, end - size), to).map(({ id }) => id)
              if (held.length > 0) wanted.push(`${key} ${held}`)
            }
          }
          const { panes } = run({ assigner: assigner as WindowAssigner<Item> }, input, options)
          expect(panes.map(({ key, ids }) => `${key} ${ids}`).sort()).toEqual(wanted.sort())
        },
      ),
      runs(0.5),
    )
  })
})

describe("windows of processing time", () => {
  it("hold what came while the clock was in them, fire when it has passed, and at the end of input", () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 30 }), world, (input, size, options) => {
        let nowMs = 1_000
        const wanted = new Map<string, number[]>()
        for (const event of input) {
          if ("processingTimeMs" in event) nowMs = event.processingTimeMs
          if (!("value" in event)) continue
          const start = Math.floor(nowMs / size) * size
          const name = `${event.value.key} ${start} ${start + size}`
          wanted.set(name, [...(wanted.get(name) ?? []), event.value.id])
        }
        const { panes, main } = run({ assigner: tumbling(size, { time: "processing" }) }, input, options)
        expect(panes.map(({ key, start, end, ids }) => `${key} ${start} ${end} ${ids}`).sort()).toEqual(
          [...wanted].map(([name, list]) => `${name} ${list}`).sort(),
        )
        expect(panes.every(({ timing, last, index }) => timing === "on-time" && last && index === 0)).toBe(true)
        expect(main.at(-1)).toEqual({ watermarkMs: END })
      }),
      runs(0.5),
    )
  })
})

describe("calendar windows", () => {
  it("follow each other without gap or overlap, and hold the times they were asked for", () => {
    const zones = fc.constantFrom(
      "UTC",
      "Europe/Berlin",
      "America/New_York",
      "America/Havana",
      "Asia/Kathmandu",
      "Pacific/Apia",
    )
    const units = fc.constantFrom("day", "week", "month", "quarter", "year")
    fc.assert(
      fc.property(zones, units, fc.integer({ min: -3e12, max: 4e12 }), (zone, unit, timeMs) => {
        const windows = calendar(unit as "day", { zone })
        const start = windows.startOf(timeMs)
        const end = windows.endOf(start)
        expect(start <= timeMs && timeMs < end).toBe(true)
        expect(windows.startOf(end)).toBe(end)
        expect(windows.startOf(start - 1)).toBeLessThan(start)
        expect(windows.endOf(windows.startOf(start - 1))).toBe(start)
        expect(calendar(unit as "day", { zone }).startOf(end - 1)).toBe(start)
      }),
      runs(0.5),
    )
  })
})
