import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { AlignedReader, createAlignmentMemory } from "../src/actors/alignment-board.ts"
import { pipeline, type SourceOptions } from "../src/api/index.ts"
import { createDoorbells, Sleeper } from "../src/mailbox/index.ts"
import { count } from "../src/operators/index.ts"
import { type LogicalGraph, type PhysicalPlan, planJob } from "../src/plan/index.ts"
import { FAIR, type Fault, memorySource, Outside, type Schedule, simulate } from "../src/sim/index.ts"
import { HOLDS_NOBODY, type WatermarkGenerator } from "../src/time/index.ts"
import { tumbling } from "../src/windows/index.ts"

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: Math.ceil(times * fc.readConfigureGlobal().numRuns!) })

const START = Number.NEGATIVE_INFINITY

interface Item {
  readonly key: string
  readonly at: number
}

/** Two sources of one group and one of another, each with as many readers as there are workers. */
function planOf(readers: number): PhysicalPlan {
  const graph = pipeline("aligned", ({ source }) => {
    for (const group of ["a", "a", "b"]) {
      source([] as Item[], { time: (item) => item.at, alignment: { maxDrift: 10, group } }).collect()
    }
  }).build()
  return planJob(graph, { workers: readers, parallelism: readers })
}

/** What a reader of a group may do next: go on by so much, if it may; become idle; come back; end; or be held up. */
const move = fc.record({
  reader: fc.nat(63),
  kind: fc.constantFrom("go", "go", "go", "go", "idle", "done"),
  byMs: fc.nat(25),
})

const items = fc.array(fc.record({ key: fc.constantFrom("x", "y"), at: fc.nat(200) }), { maxLength: 30 })
const scheduleOf: fc.Arbitrary<Schedule> = fc
  .record({ order: fc.nat(), budgets: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }) })
  .map((drawn) => ({ ...FAIR, ...drawn }))
const fault: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant("kill" as const),
  at: fc.record({ after: fc.constant("ack" as const), nth: fc.integer({ min: 1, max: 6 }), steps: fc.nat(9) }),
  worker: fc.nat(1),
})

/** What `outOfOrder: 200` does, as a generator with state that a checkpoint must keep. */
function boundedByHand(): WatermarkGenerator<unknown> {
  let newestMs: number | undefined
  return {
    onRecord: (_value, timeMs) => {
      newestMs = Math.max(newestMs ?? timeMs, timeMs)
      return newestMs - 201
    },
    capture: () => ({ newestMs: newestMs ?? null }),
    restore: (state: { newestMs: number | null }) => {
      newestMs = state.newestMs ?? undefined
    },
  }
}

const CHECKPOINTS = {
  everyMs: 60,
  timeoutMs: 5000,
  minPauseMs: 0,
  retain: 2,
  incremental: true,
  barrierMode: { kind: "aligned" },
  delivery: "exactly-once",
} as const

/** What came out of the windows of 50 ms, by key and start; each may come once. */
function windowsOf(outside: Outside): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { value } of outside.rows("sink-1")) {
    const { key, window, n } = value as { key: string; window: { start: number }; n: number }
    expect(found[`${key}@${window.start}`]).toBeUndefined()
    found[`${key}@${window.start}`] = n
  }
  return found
}

/** The same of records, one by one. */
function windowsFor(records: readonly Item[]): Record<string, number> {
  const expected: Record<string, number> = {}
  for (const { key, at } of records) {
    const window = `${key}@${Math.floor(at / 50) * 50}`
    expected[window] = (expected[window] ?? 0) + 1
  }
  return expected
}

describe("watermarks of sources", () => {
  it("never stops a group as a whole, keeps no reader further ahead than the drift and one step, and wakes whoever may go on", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(move, { maxLength: 80, size: "max" }),
        (perSource, moves) => {
          const plan = planOf(perSource)
          const memory = createAlignmentMemory(plan)
          // A worker for each reader, asleep: so that a ring can be told.
          const alone: PhysicalPlan = { ...plan, workers: perSource }
          const doorbells = createDoorbells(perSource)
          const words = new Int32Array(doorbells)
          for (let worker = 0; worker < perSource; worker++) new Sleeper(doorbells, worker).prepare()
          const rings = (worker: number) => words[worker * (words.length / perSource)]!
          const readers = [0, 1].flatMap((vertex) =>
            Array.from({ length: perSource }, (_, subtask) => ({
              subtask,
              atMs: START,
              state: "active" as "active" | "idle" | "done",
              aligned: new AlignedReader({ plan: alone, memory, doorbells, vertex, subtask, maxDriftMs: 10 }),
            })),
          )
          const marks = () => readers.map(({ atMs, state }) => (state === "active" ? atMs : HOLDS_NOBODY))
          for (const { reader: index, kind, byMs } of moves) {
            const reader = readers[index % readers.length]!
            if (reader.state === "done") continue
            const slowestBeforeMs = Math.min(...marks())
            const waited = readers.map(
              ({ atMs, state, aligned }) => aligned.paused && state === "active" && atMs > slowestBeforeMs + 10,
            )
            const before = readers.map(({ subtask }) => rings(subtask))
            if (kind === "done" || kind === "idle") {
              reader.state = kind
              reader.aligned.publish(HOLDS_NOBODY)
            } else if (!reader.aligned.mustWait(reader.atMs)) {
              const slowestMs = Math.min(...marks())
              // In one step no further than one look allows, and the records of that step.
              expect(reader.atMs <= slowestMs + 10 || reader.atMs === START || reader.state === "idle").toBe(true)
              reader.atMs = reader.atMs === START ? byMs : reader.atMs + byMs
              reader.state = "active"
              reader.aligned.publish(reader.atMs)
            }
            // Whoever waited and need not wait any more has been rung.
            const slowestMs = Math.min(...marks())
            for (const [other, { aligned, atMs, subtask }] of readers.entries()) {
              if (!waited[other] || aligned === reader.aligned || atMs > slowestMs + 10) continue
              expect(rings(subtask)).toBeGreaterThan(before[other]!)
            }
            const active = readers.filter(({ state }) => state === "active")
            if (active.length > 0) expect(active.some(({ aligned, atMs }) => !aligned.mustWait(atMs))).toBe(true)
          }
        },
      ),
      runs(1),
    )
  })

  it("aligned jobs come to their end with the results of unaligned ones, in any schedule and with crashes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          left: fc.array(items, { minLength: 1, maxLength: 3 }),
          right: fc.array(items, { minLength: 1, maxLength: 3 }),
          drift: fc.nat(40),
          own: fc.boolean(),
          everyMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
          schedule: scheduleOf,
          faults: fc.array(fault, { maxLength: 2 }),
        }),
        async ({ left, right, drift, own, everyMs, schedule, faults }) => {
          const outside = new Outside()
          const options: SourceOptions<unknown> = {
            time: (item) => (item as Item).at,
            ...(own ? { watermarks: boundedByHand } : { outOfOrder: 200 }),
            alignment: { maxDrift: drift },
          }
          const graph = (): LogicalGraph =>
            pipeline("aligned", ({ source }) => {
              const a = source(
                memorySource({
                  splits: left,
                  splitsInOrder: false,
                  batches: [2, 1],
                  ...(everyMs === undefined ? {} : { everyMs }),
                }),
                options,
              )
              const b = source(memorySource({ splits: right, splitsInOrder: false, batches: [1, 3] }), options)
              const counted = a
                .union(b)
                .keyBy((item) => (item as Item).key)
                .window(tumbling(50))
                .aggregate({ n: count() })
              counted.to(outside.sink())
              counted.late.to(outside.sink())
            }).build()
          const simulation = await simulate({
            graph,
            outside,
            parallelism: 2,
            workers: 2,
            checkpoints: CHECKPOINTS,
            channelSize: { capacityRecords: 4, capacityBytes: 1024 },
            schedule,
            faults,
          })
          expect(simulation.error).toBeUndefined()
          // TIM-3: within the bound nothing is late, whoever waited for whom.
          expect(outside.rows("sink-2")).toEqual([])
          expect(windowsOf(outside)).toEqual(windowsFor([...left, ...right].flat()))
        },
      ),
      runs(0.2),
    )
  })
  it("TIM-1, WIN-8: sources that fall idle and come back in any schedule: every record is in its window or late, exactly once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          left: items,
          right: items,
          everyMs: fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 })),
          idleAfter: fc.integer({ min: 0, max: 40 }),
          schedule: scheduleOf,
          faults: fc.array(fault, { maxLength: 1 }),
        }),
        async ({ left, right, everyMs, idleAfter, schedule, faults }) => {
          const outside = new Outside()
          const options: SourceOptions<unknown> = { time: (item) => (item as Item).at, idleAfter }
          const graph = (): LogicalGraph =>
            pipeline("idle", ({ source }) => {
              const of = (records: readonly Item[], arriveMs: number) =>
                source(
                  memorySource({ splits: [records], splitsInOrder: true, batches: [1], everyMs: arriveMs }),
                  options,
                )
              const counted = of(left, everyMs[0])
                .union(of(right, everyMs[1]))
                .keyBy((item) => (item as Item).key)
                .window(tumbling(50))
                .aggregate({ n: count() })
              counted.to(outside.sink())
              counted.late.to(outside.sink())
            }).build()
          const simulation = await simulate({
            graph,
            outside,
            parallelism: 2,
            workers: 2,
            checkpoints: CHECKPOINTS,
            channelSize: { capacityRecords: 4, capacityBytes: 1024 },
            schedule,
            faults,
          })
          expect(simulation.error).toBeUndefined()
          const late = outside.rows("sink-2").map(({ value }) => value as Item)
          const found = windowsOf(outside)
          for (const [window, records] of Object.entries(windowsFor(late)))
            found[window] = (found[window] ?? 0) + records
          expect(found).toEqual(windowsFor([...left, ...right]))
        },
      ),
      runs(0.2),
    )
  })
})
