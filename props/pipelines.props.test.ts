import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { pipeline, type Stream } from "../src/api/index.ts"
import { count } from "../src/operators/index.ts"
import type { LogicalGraph } from "../src/plan/index.ts"
import { EXACTLY_ONCE, settingsOf } from "../src/proving/worlds.ts"
import { FAIR, memorySource, Outside, simulate } from "../src/sim/index.ts"
import type { BarrierMode } from "../src/snapshot/index.ts"
import { tumbling } from "../src/windows/index.ts"
import { buildGraph, evaluate, type Item, type Program, programs, received, sortedTexts } from "./_pipelines.ts"
import { anyFault, diskFaults, type Ran, runWorld, Tally, type WorldSpec, worlds } from "./_worlds.ts"

const AT_LEAST_ONCE: BarrierMode = { kind: "at-least-once" }

/** Of small topologies, on a machine with nothing else to do. */
const WANTED_PER_MINUTE = 2000
const tally = new Tally(WANTED_PER_MINUTE)
afterAll(() => console.log(String(tally)))

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: Math.ceil(times * fc.readConfigureGlobal().numRuns!) })

const small = programs({ maxItems: 24, maxStages: 4, stateful: true })
const stateless = programs({ maxItems: 24, maxStages: 4, stateful: false })
const anyWorld = worlds(anyFault, 3)
const anyMode = fc.constantFrom(...EXACTLY_ONCE)

async function expectPlainOutput(program: Program, world: WorldSpec, mode: BarrierMode | undefined): Promise<Ran> {
  const wanted = evaluate(program).map(sortedTexts)
  const ran = await runWorld((outside) => buildGraph(program, outside), world, mode, tally)
  expect(received(program, ran.outside)).toEqual(wanted)
  return ran
}

// Programs that once found a bug, and stay.
const plainSource = (items: number, everyMs: number | undefined): Program["sources"][number] => ({
  items: Array.from({ length: items }, () => ({ k: 0, v: 0, t: 0 })),
  cuts: [],
  inOrder: false,
  batches: [1],
  everyMs,
  parallelism: undefined,
})
const fairWorld: WorldSpec = {
  parallelism: 3,
  workers: 1,
  schedule: { ...FAIR, budgets: [1] },
  faults: [],
  requests: [],
  stateOnDisk: false,
  everyMs: 10,
  timeoutMs: 100,
  minPauseMs: 0,
  retain: 1,
  incremental: false,
  writeMs: 0,
  capacityRecords: 1,
}
/** Checkpoints that take longer than their interval follow each other without a gap: a source never came to say that it had ended. */
const NO_GAP: [Program, WorldSpec] = [
  {
    sources: [plainSource(5, 1)],
    stages: [
      { op: "union", input: 0, other: 0, parallelism: undefined },
      { op: "map", input: 0, parallelism: undefined },
      { op: "union", input: 0, other: 0, parallelism: 3 },
    ],
  },
  {
    ...fairWorld,
    faults: [
      {
        kind: "crash",
        at: { after: "commit", nth: 1, steps: 0 },
        keep: 0,
        shape: { parallelism: 2, workers: 2 },
      },
    ],
  },
]
/** A subtask that had ended took no part after a restore, but with another parallelism it had senders that had not ended. */
const ENDED_BEFORE_RESCALE: [Program, WorldSpec] = [
  {
    sources: [plainSource(2, undefined)],
    stages: [
      { op: "count", input: 0, parallelism: 1 },
      { op: "window", input: 0, sizeMs: 1, parallelism: undefined },
      { op: "union", input: 0, other: 0, parallelism: 2 },
    ],
  },
  {
    ...fairWorld,
    parallelism: 2,
    everyMs: 30,
    timeoutMs: 5000,
    faults: [
      { kind: "crash", at: { after: "complete", nth: 1, steps: 0 }, keep: 0, shape: { parallelism: 1, workers: 1 } },
      { kind: "kill", at: { after: "ack", nth: 1, steps: 0 }, worker: 0 },
    ],
  },
]

/** A process dies before anything but its sinks has its attempt's number: the next attempt is another. */
const DIES_WITHOUT_A_TRACE: [Program, WorldSpec] = [
  { sources: [plainSource(9, 5)], stages: [], transactional: true },
  {
    ...fairWorld,
    faults: [
      { kind: "crash", at: { after: "start", nth: 1, steps: 100 }, keep: 0, shape: { parallelism: 1, workers: 1 } },
    ],
    everyMs: 5000,
  },
]

/** At most once: a process dies in the middle of a split of which records are claimed. */
const DIES_BEHIND_CLAIMS = [80, 120, 160, 200].map((steps): [Program, WorldSpec] => [
  { sources: [plainSource(20, 5)], stages: [] },
  {
    ...fairWorld,
    faults: [{ kind: "crash", at: { after: "start", nth: 1, steps }, keep: 0, shape: { parallelism: 1, workers: 1 } }],
  },
])
/** At most once: many sinks, each of which commits more slowly than output is cut. */
const CUTS_PILE_UP: [Program, WorldSpec] = [
  {
    sources: [{ ...plainSource(40, 3), parallelism: 3 }],
    stages: [1, 2, 3].map(() => ({ op: "map", input: 0, parallelism: 3 })),
  },
  fairWorld,
]

/** Running counts by key, of records that come slowly enough for some checkpoints. */
const COUNTS: Program = {
  sources: [
    {
      ...plainSource(0, 6),
      items: Array.from({ length: 40 }, (_, n) => ({ k: n % 7, v: 1, t: n })),
      cuts: [0.5],
      batches: [2],
    },
  ],
  stages: [
    { op: "count", input: 0, parallelism: undefined },
    { op: "total", input: 0, parallelism: undefined },
  ],
}

describe("a whole pipeline", () => {
  it("RST-2, LIV-1: without faults and checkpoints, any schedule, parallelism and size of channels gives the plain program's output", async () => {
    await fc.assert(
      fc.asyncProperty(small, worlds(anyFault, 0), async (program, world) => {
        await expectPlainOutput(program, world, undefined)
      }),
      runs(0.5),
    )
  })

  it.each(EXACTLY_ONCE)(
    "OUT-1, OUT-2, OUT-3, OUT-5, RST-1, RSC-4, CUT-1, UC-1, UC-4, LIV-2: whatever dies and whenever, each record's effect is committed once: %j",
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(small, anyWorld, async (program, world) => {
          await expectPlainOutput(program, world, mode)
        }),
        { ...runs(0.6), examples: [NO_GAP, ENDED_BEFORE_RESCALE] },
      )
    },
  )

  it("RSC-2, RST-1: a key's state is where its records go, after a crash and at another parallelism", async () => {
    const crash = fc.record({
      nth: fc.integer({ min: 1, max: 2 }),
      steps: fc.nat(60),
      parallelism: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(anyWorld, crash, anyMode, async (world, { nth, steps, parallelism }, mode) => {
        const shape = { parallelism, workers: world.workers }
        const faults = [{ kind: "crash", at: { after: "complete", nth, steps }, keep: 0, shape }] as const
        await expectPlainOutput(COUNTS, { ...world, faults, everyMs: 30, timeoutMs: 5000 }, mode)
      }),
      runs(0.3),
    )
  })

  it("RST-6, OUT-7: a function, a sink's preparing or its commit that throws is a crash like any other", async () => {
    const failures = fc.record({
      functions: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 2 }),
      calls: fc.array(
        fc.record({ call: fc.integer({ min: 1, max: 6 }), when: fc.constantFrom("before" as const, "after" as const) }),
        { maxLength: 2 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(failures, worlds(anyFault, 1), anyMode, async ({ functions, calls }, world, mode) => {
        let count = 0
        const throwing = (item: Item): Item => {
          if (functions.includes(++count)) throw new Error("the function fails")
          return item
        }
        const refuse = (call: number) => calls.find((each) => each.call === call)?.when
        const { outside } = await runWorld((to) => ordered(30, to, throwing), world, mode, tally, refuse)
        expect(
          outside
            .rows("out")
            .map(({ value }) => (value as Item).v)
            .sort((a, b) => a - b),
        ).toEqual(numbers(30))
      }),
      runs(0.3),
    )
  })

  it("STO-3: calls to the disk that fail fail checkpoints, and change no output", async () => {
    await fc.assert(
      fc.asyncProperty(small, worlds(diskFaults, 4), anyMode, async (program, world, mode) => {
        await expectPlainOutput(program, world, mode)
      }),
      runs(0.3),
    )
  })

  it("BAR-4: at least once without faults is exactly once", async () => {
    await fc.assert(
      fc.asyncProperty(small, worlds(anyFault, 0), async (program, world) => {
        await expectPlainOutput(program, world, AT_LEAST_ONCE)
      }),
      runs(0.3),
    )
  })

  it("OUT-8: at least once loses nothing and invents nothing, whatever dies", async () => {
    await fc.assert(
      fc.asyncProperty(stateless, anyWorld, async (program, world) => {
        const wanted = evaluate(program).map(sortedTexts)
        const ran = await runWorld((outside) => buildGraph(program, outside), world, AT_LEAST_ONCE, tally)
        for (const [sink, committed] of received(program, ran.outside).entries()) {
          expect(missing(wanted[sink]!, committed)).toEqual([])
          expect(committed.filter((text) => !wanted[sink]!.includes(text))).toEqual([])
        }
      }),
      { ...runs(0.5), examples: [DIES_WITHOUT_A_TRACE] },
    )
  })

  it("OUT-10: at most once repeats nothing and invents nothing, whatever dies, and loses nothing when nothing does", async () => {
    await fc.assert(
      fc.asyncProperty(stateless, anyWorld, async (program, world) => {
        const wanted = evaluate(program).map(sortedTexts)
        const ran = await runWorld((outside) => buildGraph(program, outside), world, "at-most-once", tally)
        const { faults, restarts } = ran.simulation
        const quiet = restarts === 0 && faults.disk === 0
        for (const [sink, committed] of received(program, ran.outside).entries()) {
          expect(missing(committed, wanted[sink]!)).toEqual([])
          if (quiet) expect(committed).toEqual(wanted[sink]!)
        }
        // One cut that is being committed, however short the interval, and the tail.
        expect(ran.outside.mostPrepared).toBeLessThanOrEqual(2)
      }),
      { ...runs(0.5), examples: [...DIES_BEHIND_CLAIMS, CUTS_PILE_UP] },
    )
  })

  it("FIFO-1, RST-1: a key's records keep their order from one reader to the sink, over crashes", async () => {
    const length = fc.integer({ min: 1, max: 40 })
    await fc.assert(
      fc.asyncProperty(length, anyWorld, anyMode, async (records, { requests, ...rest }, mode) => {
        // Between operators of different parallelism records are dealt out, whatever their key.
        const world = { ...rest, requests: requests.filter(({ kind }) => kind !== "rescale") }
        const { outside } = await runWorld((to) => ordered(records, to), world, mode, tally)
        const perKey = new Map<number, number[]>()
        for (const { value } of outside.rows("out")) {
          const { k, v } = value as Item
          perKey.set(k, [...(perKey.get(k) ?? []), v])
        }
        for (const [k, seen] of perKey) expect(seen).toEqual(numbers(records).filter((n) => n % 4 === k))
        expect(outside.rows("out")).toHaveLength(records)
      }),
      runs(0.4),
    )
  })

  it("WIN-8, OUT-9: a record is in its window or among the late ones, once, whatever the schedule and whatever dies", async () => {
    const times = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 30, size: "max" })
    await fc.assert(
      fc.asyncProperty(times, anyWorld, anyMode, async (list, world, mode) => {
        const { outside } = await runWorld((to) => withLate(list, to), world, mode, tally)
        const counted = new Map<string, number>()
        const add = (name: string, n: number): void => void counted.set(name, (counted.get(name) ?? 0) + n)
        for (const { value } of outside.rows("windows")) {
          const { key, window, n } = value as { key: number; window: { start: number }; n: number }
          add(`${key}/${window.start}`, n)
        }
        for (const { value } of outside.rows("late")) {
          const { k, t } = value as Item
          add(`${k}/${Math.floor(t / 5) * 5}`, 1)
        }
        const wanted = new Map<string, number>()
        for (const [n, t] of list.entries()) {
          const name = `${n % 3}/${Math.floor(t / 5) * 5}`
          wanted.set(name, (wanted.get(name) ?? 0) + 1)
        }
        expect(sortedTexts([...counted])).toEqual(sortedTexts([...wanted]))
      }),
      runs(0.4),
    )
  })

  it("the same program, schedule and faults give the same log, entry for entry", async () => {
    await fc.assert(
      fc.asyncProperty(small, anyWorld, anyMode, async (program, world, mode) => {
        const first = await runWorld((to) => buildGraph(program, to), world, mode, tally)
        const second = await runWorld((to) => buildGraph(program, to), world, mode, tally)
        expect(second.simulation.logHash).toBe(first.simulation.logHash)
        expect(second.outside.committed).toEqual(first.outside.committed)
      }),
      runs(0.1),
    )
  })

  it("CUT-3: a crash at every step of one run, each restored from whatever checkpoint there is", async () => {
    const steps = 700
    const stride = Math.max(1, Math.round(14 / (fc.readConfigureGlobal().numRuns! / 200)))
    for (let step = fc.readConfigureGlobal().seed! % stride; step < steps; step += stride) {
      const outside = new Outside()
      const simulation = await simulate({
        graph: () => ordered(40, outside),
        outside,
        parallelism: 2,
        workers: 2,
        checkpoints: settingsOf({ ...fairWorld, everyMs: 60, timeoutMs: 5000, retain: 2 }, EXACTLY_ONCE[step % 3]!),
        channelSize: { capacityRecords: 2, capacityBytes: 1024 },
        schedule: { ...FAIR, budgets: [1] },
        faults: [{ kind: "crash", at: { after: "start", nth: 1, steps: step }, keep: step }],
      })
      tally.add(simulation, outside)
      expect([step, simulation.error, simulation.complaints]).toEqual([step, undefined, []])
      expect([
        step,
        outside
          .rows("out")
          .map(({ value }) => (value as Item).v)
          .sort((a, b) => a - b),
      ]).toEqual([step, numbers(40)])
    }
  })
})

/** One reader, a keyed exchange, one sink. */
function ordered(records: number, outside: Outside, fn: (item: Item) => Item = (item) => item): LogicalGraph {
  const items = memorySource({
    splits: [numbers(records).map((n) => ({ k: n % 4, v: n, t: n }))],
    splitsInOrder: true,
    batches: [3, 1],
  })
  return pipeline("ordered", ({ source }) => {
    const stream = source(items) as Stream<Item>
    stream
      .map(fn)
      .keyBy((item) => item.k)
      .process<Item>({ onRecord: (item, ctx) => ctx.emit(item) })
      .to(outside.sink())
      .name("out")
  }).build()
}

/** Two splits in no order, no bound of disorder: what is late depends on who is read first. */
function withLate(times: readonly number[], outside: Outside): LogicalGraph {
  const all = times.map((t, n) => ({ k: n % 3, v: 1, t }))
  const half = Math.floor(all.length / 2)
  const items = memorySource({ splits: [all.slice(0, half), all.slice(half)], splitsInOrder: true, batches: [2] })
  return pipeline("late", ({ source }) => {
    const results = (source(items, { time: (item) => (item as Item).t }) as Stream<Item>)
      .keyBy((item) => item.k)
      .window(tumbling(5))
      .aggregate({ n: count() })
    results.to(outside.sink()).name("windows")
    results.late.to(outside.sink()).name("late")
  }).build()
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

/** What of `wanted`, with its repetitions, is not in `found`. */
function missing(wanted: readonly string[], found: readonly string[]): string[] {
  const left = [...found]
  return wanted.filter((text) => {
    const at = left.indexOf(text)
    if (at === -1) return true
    left.splice(at, 1)
    return false
  })
}
