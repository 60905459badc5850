import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { AlignedReader, createAlignmentMemory } from "../src/actors/alignment-board.ts"
import type { Chain } from "../src/actors/chain.ts"
import { SourceReader } from "../src/actors/source-reader.ts"
import { SplitCoordinator, type SplitProgress, unread } from "../src/actors/split-coordinator.ts"
import { pipeline } from "../src/api/index.ts"
import { resolveEventTime } from "../src/api/source-options.ts"
import type { Source, SourceBatch } from "../src/contracts/index.ts"
import { createDoorbells } from "../src/mailbox/index.ts"
import { createMetricsBuffer, SubtaskMetrics } from "../src/observe/index.ts"
import { planJob } from "../src/plan/index.ts"

interface Item {
  readonly split: number
  readonly n: number
  readonly at: number
}

const IDLE_AFTER_MS = 100
const MAX_DRIFT_MS = 40
const START = Number.NEGATIVE_INFINITY

/** A source without end: its splits are logs that grow while they are read. */
class Logs implements Source<Item> {
  readonly label = "logs"
  readonly bounded = false
  readonly splitsInOrder = false
  readonly logs: Item[][]
  readonly #waiting = new Map<number, () => void>()
  readonly #batch: number

  constructor(splits: number, batch: number) {
    this.logs = Array.from({ length: splits }, () => [])
    this.#batch = batch
  }

  append(split: number, times: readonly number[]): void {
    const log = this.logs[split]!
    for (const at of times) log.push({ split, n: log.length, at })
    this.#waiting.get(split)?.()
    this.#waiting.delete(split)
  }

  splits() {
    return this.logs.map((_, split) => ({ id: `${split}`, data: split }))
  }

  async *read({ data }: { data: unknown }, from: unknown): AsyncGenerator<SourceBatch<Item>> {
    const log = this.logs[data as number]!
    for (let next = typeof from === "number" ? from : 0; ; ) {
      if (next === log.length) await new Promise<void>((resolve) => this.#waiting.set(data as number, resolve))
      const values = log.slice(next, next + this.#batch)
      next += values.length
      yield { values, next }
    }
  }
}

/** The readers of one attempt, with their clock, and what they have handed on. */
class Attempt {
  readonly emitted: Item[] = []
  readonly readers: readonly SourceReader[]
  readonly #coordinator: SplitCoordinator
  readonly #clock: { nowMs: number }
  readonly #asked: number[] = []
  /** Of each split: when it last had something, or was opened. The model of idleness. */
  readonly #activeMs = new Map<number, number>()
  /** Of each split: how many of its records have been handed on. */
  readonly #taken = new Map<number, number>()
  readonly #newestMs = new Map<number, number>()
  readonly #readerOf = new Map<number, number>()
  readonly #chain: Chain

  readonly #source: Logs

  constructor(
    source: Logs,
    parallelism: number,
    aligned: boolean,
    splits: readonly SplitProgress[],
    clock: { nowMs: number },
  ) {
    this.#source = source
    this.#clock = clock
    this.#coordinator = new SplitCoordinator({ splits, bounded: false, inOrder: false, readers: parallelism })
    for (const { split, newestMs, from, skip } of splits) {
      this.#newestMs.set(split.data as number, newestMs)
      this.#taken.set(split.data as number, ((from as number | undefined) ?? 0) + skip)
    }
    const graph = pipeline("logs", (context) => {
      context.source([] as Item[], { time: (item) => item.at, alignment: { maxDrift: MAX_DRIFT_MS } }).collect()
    }).build()
    const plan = planJob(graph, { workers: 1, parallelism })
    const [memory, doorbells] = [createAlignmentMemory(plan), createDoorbells(1)]
    const emit = (value: unknown): void => void this.emitted.push(value as Item)
    this.#chain = { blocked: false, emit } as unknown as Chain
    this.readers = Array.from(
      { length: parallelism },
      (_, subtask) =>
        new SourceReader({
          source,
          operatorId: "logs",
          subtask,
          parallelism,
          eventTime: resolveEventTime(
            { time: (item: unknown) => (item as Item).at, idleAfter: IDLE_AFTER_MS },
            { time: "event", bounded: false },
          ),
          metrics: new SubtaskMetrics(createMetricsBuffer(1), 0),
          alignment: aligned
            ? new AlignedReader({ plan, memory, doorbells, vertex: 0, subtask, maxDriftMs: MAX_DRIFT_MS })
            : undefined,
          goesOn: false,
          claim: undefined,
          requestSplit: () => void this.#asked.push(subtask),
          wallNow: () => clock.nowMs,
          now: () => clock.nowMs,
          sleep: () => new Promise(() => undefined),
          wake: () => undefined,
        }),
    )
  }

  /** Lets what is on its way arrive, then steps each reader once. @returns whether any moved */
  async step(budget: number): Promise<boolean> {
    for (const subtask of this.#asked.splice(0)) {
      const { assignment, releasesWatermark } = this.#coordinator.next(subtask)
      for (const { split } of assignment.splits) {
        this.#readerOf.set(split.data as number, subtask)
        this.#activeMs.set(split.data as number, this.#clock.nowMs)
      }
      this.readers[subtask]!.assign(assignment)
      if (releasesWatermark) for (const reader of this.readers) reader.releaseWatermark()
    }
    await new Promise((resolve) => setImmediate(resolve))
    for (const split of this.#readerOf.keys()) {
      // What has come and was not taken yet is no quiet.
      if (this.#taken.get(split)! < this.#source.logs[split]!.length) this.#activeMs.set(split, this.#clock.nowMs)
    }
    let moved = false
    for (const [subtask, reader] of this.readers.entries()) {
      const from = this.emitted.length
      const watermarkMs = reader.watermarkMs
      moved = reader.step(this.#chain, budget).moved || moved
      for (const { split, at } of this.emitted.slice(from)) {
        this.#taken.set(split, this.#taken.get(split)! + 1)
        this.#newestMs.set(split, Math.max(at, this.#newestMs.get(split) ?? START))
      }
      expect(reader.watermarkMs).toBeGreaterThanOrEqual(watermarkMs)
      expect(reader.watermarkMs).toBeLessThanOrEqual(Math.max(watermarkMs, this.#leastOf(subtask)))
    }
    return moved || this.#asked.length > 0
  }

  /** The least of a reader's splits that have had something of late: it must not be passed. */
  #leastOf(subtask: number): number {
    let leastMs = Number.POSITIVE_INFINITY
    for (const [split, reader] of this.#readerOf) {
      if (reader !== subtask || this.#clock.nowMs - this.#activeMs.get(split)! >= IDLE_AFTER_MS) continue
      leastMs = Math.min(leastMs, (this.#newestMs.get(split) ?? START) - 1)
    }
    return this.#coordinator.waiting.length > 0 ? START : leastMs
  }

  /** Until nothing more happens. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) quiet = (await this.step(7)) ? 0 : quiet + 1
  }

  /** Where all splits stand, as a checkpoint has it. */
  capture(): SplitProgress[] {
    return [...this.readers.flatMap((reader) => [...reader.passBarrier().progress]), ...this.#coordinator.waiting]
  }

  close(): void {
    for (const reader of this.readers) reader.close()
  }
}

type Command =
  | { readonly kind: "append"; readonly split: number; readonly times: readonly number[] }
  | { readonly kind: "step"; readonly budget: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "restore"; readonly parallelism: number }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      split: fc.nat(7),
      times: fc.array(fc.nat(300), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("step" as const), budget: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 10, max: 150 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("restore" as const), parallelism: fc.integer({ min: 1, max: 4 }) }),
  },
)

describe("splits that are read side by side", () => {
  it("TIM-1, TIM-2, TIM-3, RST-1, RSC-4, LIV-1: all are read, each in its order, once; the slowest that is not idle holds the watermark; another number of readers changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          splits: fc.integer({ min: 1, max: 5 }),
          batch: fc.integer({ min: 1, max: 4 }),
          parallelism: fc.integer({ min: 1, max: 3 }),
          aligned: fc.boolean(),
        }),
        fc.array(command, { maxLength: 40, size: "max" }),
        async ({ splits, batch, parallelism, aligned }, commands) => {
          const clock = { nowMs: 0 }
          const source = new Logs(splits, batch)
          let attempt = new Attempt(source, parallelism, aligned, source.splits().map(unread), clock)
          const committed: Item[] = []
          for (const each of commands) {
            if (each.kind === "append") source.append(each.split % splits, each.times)
            else if (each.kind === "wait") clock.nowMs += each.ms
            else if (each.kind === "step") await attempt.step(each.budget)
            else {
              const positions = attempt.capture()
              committed.push(...attempt.emitted)
              // What is read behind the checkpoint is read again.
              await attempt.step(3)
              attempt.close()
              attempt = new Attempt(source, each.parallelism, aligned, positions, clock)
            }
          }
          // Splits that have nothing become idle, and let the others go on.
          for (let round = 0; round < 4; round++) {
            await attempt.settle()
            clock.nowMs += IDLE_AFTER_MS
          }
          for (let split = 0; split < splits; split++) source.append(split, [10_000])
          await attempt.settle()
          const withShare = attempt.readers.slice(0, splits)
          expect(withShare.map(({ watermarkMs }) => watermarkMs)).toEqual(withShare.map(() => 9_999))
          clock.nowMs += IDLE_AFTER_MS
          source.append(0, [20_000])
          await attempt.settle()
          expect(attempt.readers.some(({ watermarkMs }) => watermarkMs === 19_999)).toBe(true)
          attempt.close()
          for (const [split, log] of source.logs.entries()) {
            expect([...committed, ...attempt.emitted].filter((item) => item.split === split)).toEqual(log)
          }
        },
      ),
      { numRuns: Math.ceil(2 * fc.readConfigureGlobal().numRuns!) },
    )
  })

  it("FLIP-217: a fast split waits for a slow one of its own reader, and goes on with it", async () => {
    const clock = { nowMs: 0 }
    const source = new Logs(2, 1)
    const attempt = new Attempt(source, 1, true, source.splits().map(unread), clock)
    const timesOf = (split: number) => attempt.emitted.filter((item) => item.split === split).map(({ at }) => at)
    source.append(0, [0])
    source.append(1, [0, 10, 20, 100, 200])
    await attempt.settle()
    expect([timesOf(0), timesOf(1)]).toEqual([[0], [0, 10, 20, 100]])
    expect(attempt.readers[0]!.paused).toBe(false)
    source.append(0, [150])
    await attempt.settle()
    expect(timesOf(1)).toEqual([0, 10, 20, 100, 200])
    attempt.close()
  })
})
