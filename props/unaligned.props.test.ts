import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { pipeline, type Stream } from "../src/api/index.ts"
import { count, valueState } from "../src/operators/index.ts"
import type { LogicalGraph } from "../src/plan/index.ts"
import { type Fault, MARKS, memorySource, Outside, type Schedule, type Simulation, simulate } from "../src/sim/index.ts"
import type { BarrierMode } from "../src/snapshot/index.ts"
import { tumbling } from "../src/windows/index.ts"

interface Item {
  readonly split: number
  readonly n: number
  /** Makes it long: rings here have 1,024 bytes, so that batches wait for room, or go out in fragments. */
  readonly pad: string
}

/** One record on its way: an item's part, and whether it came in order so far. */
interface Part extends Item {
  readonly part: number
  readonly inOrder: boolean
}

const EDGES = ["hash", "rebalance", "forward", "rescale", "broadcast"] as const
type EdgeKind = (typeof EDGES)[number]

const WINDOW_MS = 70
const keyOf = ({ n, part }: Part): string => "abcde"[(n + part) % 5]!

/**
 * A job with every kind of edge: parts of each item (a flatMap that holds output back), relayed over an edge of this kind, then two
 * keyed steps that check the order of each split's records per key, and windows. Both results go to sinks.
 */
function graphOf(outside: Outside, splits: readonly (readonly Item[])[], parts: number, edge: EdgeKind): LogicalGraph {
  return pipeline("relay", ({ source }) => {
    const made = source(memorySource({ splits, splitsInOrder: false, batches: [3, 1] }), {
      time: (item) => (item as Item).n * 10,
    }).flatMap((item) => Array.from({ length: parts }, (_, part): Part => ({ ...(item as Item), part, inOrder: true })))
    const relayed = relay(made, edge)
    const checked = checkOrder(checkOrder(relayed, keyOf), ({ split }) => `${split}`)
    checked.to(outside.sink()).name("records")
    relayed
      .keyBy(keyOf)
      .window(tumbling(WINDOW_MS))
      .aggregate({ records: count() })
      .map(({ key, window, records }) => ({ key, start: window.start, records }))
      .to(outside.sink())
      .name("windows")
  }).build()
}

function relay(parts: Stream<Part>, edge: EdgeKind): Stream<Part> {
  switch (edge) {
    case "hash":
      return parts
    case "forward": {
      // An operator of two inputs is never chained: its edges are pointwise at equal parallelism.
      const { odd, rest } = parts.split({ odd: ({ n }) => n % 2 === 1 })
      return odd.union(rest).map((part) => part)
    }
    case "rebalance":
      return parts.rebalance().map((part) => part)
    case "rescale":
      return parts.rescale().map((part) => part)
    case "broadcast":
      return parts.broadcast().map((part) => part)
  }
}

function checkOrder(parts: Stream<Part>, key: (part: Part) => string): Stream<Part> {
  return parts.keyBy(key).process<Part, never, { last: ReturnType<typeof valueState<Record<string, number>>> }>({
    state: { last: valueState<Record<string, number>>() },
    onRecord(part, context) {
      const of = `${part.split}/${keyOf(part)}`
      const last = { ...context.state.last.get() }
      const inOrder = part.inOrder && (last[of] ?? -1) < part.n
      last[of] = part.n
      context.state.last.set(last)
      context.emit({ ...part, inOrder })
    },
  })
}

interface Case {
  readonly edge: EdgeKind
  readonly sizes: readonly number[]
  readonly parts: number
  /** Lengths of records, used one after the other. */
  readonly pads: readonly number[]
  readonly mode: BarrierMode
  readonly everyMs: number
  readonly shape: { readonly parallelism: number; readonly workers: number }
  readonly capacityRecords: number
  readonly schedule: Schedule
  readonly faults: readonly Fault[]
}

/** The output of each run to the end: a process that crashed after the last commit is followed by one that begins anew. */
async function runCase(given: Case): Promise<{ simulation: Simulation; outputs: Output[] }> {
  const splits = given.sizes.map((size, split) =>
    Array.from({ length: size }, (_, n): Item => ({ split, n, pad: "x".repeat(given.pads[n % given.pads.length]!) })),
  )
  const outside = new Outside()
  const wanted = expected(given)
  const outputs: Output[] = []
  const simulation = await simulate({
    graph: () => graphOf(outside, splits, given.parts, given.edge),
    outside,
    ...given.shape,
    checkpoints: {
      everyMs: given.everyMs,
      timeoutMs: 3000,
      minPauseMs: 0,
      retain: 2,
      incremental: true,
      delivery: "exactly-once",
      barrierMode: given.mode,
    },
    channelSize: { capacityRecords: given.capacityRecords, capacityBytes: 1024 },
    schedule: given.schedule,
    faults: given.faults,
    maxSteps: 200_000,
    onProcess: () => {
      const so = outputOf(outside)
      if (so.records.length < wanted.records.length || so.windows.length < wanted.windows.length) return
      outputs.push(so)
      outside.committed.clear()
    },
  })
  const last = outputOf(outside)
  if (outputs.length === 0 || last.records.length > 0) outputs.push(last)
  return { simulation, outputs }
}

interface Output {
  readonly records: readonly string[]
  readonly windows: readonly string[]
  readonly disordered: readonly Part[]
}

function outputOf(outside: Outside): Output {
  const records = outside.rows("records").map(({ value }) => value as Part)
  return {
    records: records.map(({ split, n, part }) => `${split}/${n}/${part}`).sort(),
    windows: outside
      .rows("windows")
      .map(({ value }) => Object.values(value as Record<string, unknown>).join("/"))
      .sort(),
    disordered: records.filter(({ inOrder }) => !inOrder),
  }
}

const shapes = fc.record({ parallelism: fc.integer({ min: 1, max: 4 }), workers: fc.integer({ min: 1, max: 2 }) })
const moments = fc.record({
  after: fc.constantFrom(...MARKS),
  nth: fc.integer({ min: 1, max: 4 }),
  steps: fc.nat(40),
})
const faultsWith = (shape: fc.Arbitrary<Case["shape"] | undefined>): fc.Arbitrary<Fault> =>
  fc.oneof(
    fc.record({ kind: fc.constant("kill" as const), at: moments, worker: fc.nat(1) }),
    fc
      .record({ kind: fc.constant("crash" as const), at: moments, keep: fc.nat(5), shape })
      .map(({ shape, ...crash }) => (shape === undefined ? crash : { ...crash, shape })),
  )
const schedules: fc.Arbitrary<Schedule> = fc.record({
  order: fc.nat(1_000_000),
  budgets: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  preemptions: fc.array(fc.record({ at: fc.nat(800), pick: fc.nat(12), hold: fc.nat(60) }), { maxLength: 12 }),
})
const modes: fc.Arbitrary<BarrierMode> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<BarrierMode>({ kind: "unaligned", timeoutMs: 0 }) },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 120 }).map((timeoutMs): BarrierMode => ({ kind: "unaligned", timeoutMs })),
  },
  { weight: 1, arbitrary: fc.constant<BarrierMode>({ kind: "aligned" }) },
)
const casesOf = (edges: readonly EdgeKind[], rescales: boolean): fc.Arbitrary<Case> =>
  fc.record({
    edge: fc.constantFrom(...edges),
    sizes: fc.array(fc.integer({ min: 0, max: 24 }), { minLength: 1, maxLength: 3 }),
    parts: fc.constantFrom(1, 2, 7),
    pads: fc.array(fc.oneof(fc.nat(30), fc.constantFrom(200, 700, 1500)), { minLength: 1, maxLength: 4 }),
    mode: modes,
    everyMs: fc.integer({ min: 20, max: 150 }),
    shape: shapes,
    capacityRecords: fc.integer({ min: 1, max: 6 }),
    schedule: schedules,
    faults: fc.array(faultsWith(rescales ? fc.option(shapes, { nil: undefined }) : fc.constant(undefined)), {
      maxLength: 4,
    }),
  })

function expected({ sizes, parts, edge, shape }: Case): { records: string[]; windows: string[] } {
  const records: string[] = []
  const panes = new Map<string, number>()
  const copies = edge === "broadcast" ? shape.parallelism : 1
  for (const [split, size] of sizes.entries()) {
    for (let n = 0; n < size; n++) {
      for (let part = 0; part < parts; part++) {
        for (let copy = 0; copy < copies; copy++) records.push(`${split}/${n}/${part}`)
        const pane = `${keyOf({ n, part } as Part)}/${Math.floor((n * 10) / WINDOW_MS) * WINDOW_MS}`
        panes.set(pane, (panes.get(pane) ?? 0) + copies)
      }
    }
  }
  return { records: records.sort(), windows: [...panes].map(([pane, total]) => `${pane}/${total}`).sort() }
}

async function check(given: Case): Promise<void> {
  const { simulation, outputs } = await runCase(given)
  expect(simulation.error).toBeUndefined()
  expect(simulation.complaints).toEqual([])
  for (const { records, windows, disordered } of outputs) {
    expect({ records, windows }).toEqual(expected(given))
    // Where an edge deals records out in turn, those of a split overtake each other; parts of one item may share a key.
    if (given.edge === "hash" && given.parts <= 2) expect(disordered).toEqual([])
  }
}

const RUNS = Number(process.env.UNALIGNED_RUNS ?? 40)

describe("a job whose barriers overtake records, under any schedule and with any crashes", () => {
  it("CUT-3, UC-1..6, RST-1 gives the output of a plain program, over every kind of edge", async () => {
    await fc.assert(fc.asyncProperty(casesOf(EDGES, false), check), { numRuns: RUNS })
  }, 120_000)

  it("UC-7, RSC-2, RSC-4 gives it at any other parallelism, over edges that have no order of their own to keep", async () => {
    await fc.assert(fc.asyncProperty(casesOf(["hash", "rebalance"], true), check), { numRuns: RUNS })
  }, 120_000)

  it("TIM-1 nothing is late that a sender reads which has taken over another's split", async () => {
    // With restored watermarks of channels it was: found by this property narrowed to one shape.
    await check({
      edge: "hash",
      sizes: [40, 40, 40, 40],
      parts: 1,
      pads: [5],
      mode: { kind: "unaligned", timeoutMs: 1 },
      everyMs: 25,
      shape: { parallelism: 2, workers: 2 },
      capacityRecords: 3,
      schedule: { order: 2, budgets: [2], preemptions: [{ at: 31, pick: 0, hold: 52 }] },
      faults: [
        { kind: "crash", at: { after: "ack", nth: 1, steps: 8 }, keep: 1 },
        { kind: "kill", at: { after: "commit", nth: 3, steps: 5 }, worker: 0 },
      ],
    })
  })
})
