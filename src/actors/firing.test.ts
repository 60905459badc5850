import { describe, expect, it } from "vitest"
import type { Operator } from "../contracts/index.ts"
import { count, ProcessOperator, valueState } from "../operators/index.ts"
import type { PartWriter } from "../snapshot/store/index.ts"
import { hashKey, heapBackend } from "../state/index.ts"
import { createWindowOperator, session, sliding, tumbling, type WindowAssigner } from "../windows/index.ts"
import { Chain } from "./chain.ts"
import type { SubtaskShare } from "./control.ts"
import { decodeEntries, decodeValue } from "./entry-block.ts"
import { Pressure } from "./pressure.ts"
import { Subtask } from "./subtask.ts"
import type { BarrierMark, SubtaskInput } from "./subtask-input.ts"
import { VALUE_TABLE } from "./subtask-snapshot.ts"

/** bench/windows.bench.ts takes 150,000, and measures. */
const KEYS = 10_000
/** Results in one step: well below a millisecond's worth. */
const MOST_PER_STEP = 256

interface Hit {
  readonly key: number
}

/** A subtask of one operator and what takes its results, whose input gives a watermark and then a barrier. */
class Burst {
  readonly emitted: string[] = []
  readonly blocks: { readonly table: string; readonly bytes: Uint8Array }[] = []
  readonly input = new OneWatermark()
  readonly chain: Chain
  readonly subtask: Subtask
  mostPerStep = 0
  share: SubtaskShare | undefined
  emittedAtCapture = -1
  nowMs = 1_000

  constructor(operator: Operator, sink: Operator = { onRecord: (text) => void this.emitted.push(text as string) }) {
    const metrics = { add: () => undefined, set: () => undefined } as never
    const pressure = new Pressure()
    const node = { sides: ["late"], kind: "window" } as never
    this.chain = new Chain({
      vertex: {
        ...{ index: 0, id: "window", name: "window", parallelism: 1 },
        operators: [
          { id: "window", kind: "window", name: "window", node, parent: -1, parentSide: undefined },
          { id: "sink", kind: "sink", name: "sink", node, parent: 0, parentSide: undefined },
        ],
      },
      ...{ subtask: 0, keyGroups: 128, pressure, metrics, writers: [] },
      operators: [operator, sink],
      ...{ trackChanges: false, backend: heapBackend },
      now: () => this.nowMs,
      processingTimeMs: () => this.nowMs,
      wake: () => undefined,
    })
    this.subtask = new Subtask({
      ...{ vertex: 0, subtask: 0, input: this.input, chain: this.chain, outputs: [], metrics, keyGroups: 128 },
      channels: { sent: [], received: [] },
      ...{ incremental: false, now: () => this.nowMs },
      outputCut: () => Promise.resolve(),
      wake: () => undefined,
      createPart: async () =>
        ({
          append: async (block: { table: string; bytes: Uint8Array }) => void this.blocks.push(block),
          finish: async () => ({}),
          abort: async () => undefined,
        }) as unknown as PartWriter,
      acknowledge: (_id, share) => {
        this.share = share
      },
      decline: (_id, error) => {
        throw error
      },
      ended: () => undefined,
    })
    this.subtask.open()
    this.input.onPass = () => {
      this.emittedAtCapture = this.emitted.length
    }
  }

  feed(hits: readonly Hit[], timeMs: number): void {
    const keyHashes = hits.map(({ key }) => hashKey(key))
    this.chain.run({ values: hits, times: hits.map(() => timeMs), keyHashes } as never, 0, hits.length)
  }

  step(): string {
    const before = this.emitted.length
    const outcome = this.subtask.step()
    this.mostPerStep = Math.max(this.mostPerStep, this.emitted.length - before)
    return outcome
  }
}

class OneWatermark implements SubtaskInput {
  watermarkMs = Number.NEGATIVE_INFINITY
  readonly idle = false
  readonly ended = false
  readonly received: readonly number[] = []
  barrierDue: BarrierMark | undefined
  onPass: () => void = () => undefined
  /** The barrier stands behind the watermark in the channel. */
  barrier: BarrierMark | undefined
  /** Records that the last step might have taken. */
  budget = 0

  step(_chain: Chain, budget: number) {
    this.budget = budget
    this.barrierDue = this.barrier
    this.barrier = undefined
    return { records: 0, moved: false }
  }
  passBarrier() {
    this.barrierDue = undefined
    this.onPass()
    return { progress: [], received: [] }
  }
  readonly barrierDeadlineMs = Number.POSITIVE_INFINITY
  readonly notice = () => undefined
  readonly report = () => ({}) as never
  readonly abortCheckpoint = () => undefined
  readonly stop = () => undefined
  readonly close = () => undefined
}

const hits = Array.from({ length: KEYS }, (_, key) => ({ key }))
const windowsOf = (assigner: WindowAssigner<Hit>) => () =>
  createWindowOperator<Hit, number, number, number, string>({ assigner }, (hit) => hit.key, {
    kind: "aggregate",
    aggregate: count(),
    result: (key, { start }, records) => `${key} ${start} ${records}`,
  }) as Operator
const timers = () =>
  new ProcessOperator<Hit, string, number>({
    keyOf: (hit) => hit.key,
    spec: {
      onRecord: (_hit, ctx) => ctx.timers.register(9),
      onTimer: (timeMs, ctx) => ctx.emit(`${ctx.key} ${timeMs}`),
    },
  }) as Operator

describe("a snapshot that is written beside the records", () => {
  it("ends its pieces by the clock, and takes no records from the steps when it is slow", () => {
    const entryMs = 0.05
    const run: Burst = new Burst(
      new ProcessOperator<Hit, string, number, { held: ReturnType<typeof valueState<number>> }>({
        keyOf: (hit) => hit.key,
        spec: {
          state: {
            held: valueState<number>({
              encode: (n) => {
                run.nowMs += entryMs
                return n
              },
              decode: Number,
            }),
          },
          onRecord: ({ key }, ctx) => ctx.state.held.set(key),
        },
      }) as Operator,
    )
    run.feed(hits, 1)
    run.input.barrier = { checkpointId: 1, bornMs: 0 }
    let longestMs = 0
    let leastRecords = Number.POSITIVE_INFINITY
    for (let steps = 0; run.nowMs < 1_000 + KEYS * entryMs - 1; steps++) {
      const startMs = run.nowMs
      const outcome = run.subtask.step()
      run.subtask.accountTime(startMs, run.nowMs, outcome)
      if (run.input.budget > 0) leastRecords = Math.min(leastRecords, run.input.budget)
      // By then it has learned how slow.
      if (steps > 10) longestMs = Math.max(longestMs, run.nowMs - startMs)
    }
    expect(longestMs).toBeLessThan(5)
    expect(leastRecords).toBe(1024)
  })
})

describe("thousands of windows or timers that are due at once", () => {
  it.each<[string, () => Operator]>([
    ["tumbling windows", windowsOf(tumbling(10))],
    ["sliding windows", windowsOf(sliding(10, 10))],
    ["sessions", windowsOf(session<Hit>(5) as WindowAssigner<Hit>)],
    ["timers of process", timers],
  ])(
    "%s: a barrier passes in the middle, steps are short, and what was captured is exactly what had not left",
    async (_name, make) => {
      const burst = new Burst(make())
      burst.feed(hits, 4)
      burst.input.barrier = { checkpointId: 1, bornMs: 0 }
      burst.input.watermarkMs = 9
      while (burst.emittedAtCapture < 0) burst.step()
      // Whatever waits to be fired, the barrier waits for a few hundred.
      expect(burst.emittedAtCapture).toBeLessThan(1_000)
      while (burst.share === undefined || burst.emitted.length < KEYS) {
        burst.step()
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(new Set(burst.emitted).size).toBe(KEYS)
      expect(burst.mostPerStep).toBeLessThanOrEqual(MOST_PER_STEP)
      // The watermark had not been handed on: it comes again.
      expect(burst.share.watermarkMs).toBe(Number.NEGATIVE_INFINITY)

      const restored = new Burst(make())
      const tables = new Map(restored.chain.tables.map(({ table }) => [table.name, table]))
      for (const { table, bytes } of burst.blocks) {
        if (table === VALUE_TABLE) continue
        for (const entry of decodeEntries(bytes)) tables.get(table)!.load(entry, 0)
      }
      const value = burst.blocks.find(({ table }) => table === VALUE_TABLE)!
      restored.chain.restoreValues("window", [decodeValue(value.bytes)])
      restored.chain.restoreWatermark(burst.share.watermarkMs)
      restored.input.watermarkMs = 9
      for (let step = 0; restored.emitted.length < KEYS - burst.emittedAtCapture && step < 10_000; step++)
        restored.step()
      while (restored.step() === "progressed") {
        // Nothing more may come.
      }
      expect(restored.emitted).toEqual(burst.emitted.slice(burst.emittedAtCapture))
    },
  )

  it("an operator that waits for processing time is called when it has come, and says how long that is", () => {
    const burst = new Burst(windowsOf(tumbling(10, { time: "processing" }))())
    burst.nowMs = 1_003
    burst.feed([{ key: 1 }, { key: 2 }], 0)
    expect(burst.subtask.alarmInMs).toBe(7)
    expect(burst.step()).toBe("idle")
    burst.nowMs = 1_010
    expect([burst.step(), burst.step()]).toEqual(["progressed", "idle"])
    expect(burst.emitted).toEqual(["1 1000 1", "2 1000 1"])
    expect(burst.subtask.alarmInMs).toBe(Number.POSITIVE_INFINITY)
  })

  it("a barrier waits until what processing time made an operator emit is held back nowhere", () => {
    const held: string[] = []
    let room = false
    const burst: Burst = new Burst(windowsOf(tumbling(10, { time: "processing" }))(), {
      get pending() {
        return held.length > 0
      },
      onRecord: (text) => void held.push(text as string),
      resume: () => void (room && burst.emitted.push(...held.splice(0))),
    })
    burst.nowMs = 1_003
    burst.feed([{ key: 1 }], 0)
    burst.nowMs = 1_010
    burst.input.barrierDue = { checkpointId: 1, bornMs: 0 }
    for (let step = 0; step < 3; step++) burst.step()
    expect([burst.emittedAtCapture, held]).toEqual([-1, ["1 1000 1"]])
    room = true
    burst.step()
    expect([burst.emittedAtCapture, held]).toEqual([1, []])
  })
})
