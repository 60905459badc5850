import type { MalformedRecord, Position, ReadContext, Source, SourceBatch } from "../contracts/index.ts"
import { describe } from "../errors/index.ts"
import type { ReaderReport, SubtaskMetrics } from "../observe/index.ts"
import type { EventTimeOptions } from "../plan/index.ts"
import { badTime, HOLDS_NOBODY, IdleClock } from "../time/index.ts"
import type { AlignedReader } from "./alignment-board.ts"
import { BadRecords } from "./bad-records.ts"
import type { Chain } from "./chain.ts"
import { type BatchReader, ClaimingReader, type PieceClaim } from "./claiming-reader.ts"
import { operatorFailure } from "./operator-failure.ts"
import type { SplitAssignment, SplitProgress } from "./split-coordinator.ts"
import { SplitReader } from "./split-reader.ts"
import { createStamping, type Stamping } from "./stamping.ts"
import type { BarrierMark, InputSnapshot, SubtaskInput } from "./subtask-input.ts"

export interface SourceReaderOptions {
  readonly source: Source<unknown>
  readonly operatorId: string
  readonly subtask: number
  readonly parallelism: number
  readonly eventTime: EventTimeOptions | undefined
  readonly metrics: SubtaskMetrics
  /** What it sees of its alignment group, when it has one. */
  readonly alignment: AlignedReader | undefined
  /** Whether the job goes on with what former attempts have read. */
  readonly goesOn: boolean
  /** Wall clock, epoch ms. */
  wallNow(): number
  /** Asks for the next split; the answer comes by `assign`. */
  requestSplit(): void
  /** At most once: resolves when it is written down that reading goes on from here after a failure. Nothing is emitted before. */
  readonly claim: ((claim: SplitClaim) => Promise<void>) | undefined
  now(): number
  sleep(ms: number): Promise<void>
  wake(): void
}

/** Records between two looks at how far an aligned reader may go: what it may overshoot by. */
const ALIGNED_BUDGET = 64
/** The worker goes round at least so often anyway: no alarm is needed for what may wait as long. */
const WORKER_TICK_MS = 1000
/** What a source is about to emit, and will not emit again. Plain data. */
export interface SplitClaim extends PieceClaim {
  readonly splitId: string
  /** Newest event time of what was emitted of the split, epoch ms. */
  readonly newestMs: number
}

/**
 * The input of a source subtask: asks for splits one after another, reads them, gives records their event time, and
 * makes the watermark.
 *
 * - The watermark is that of the split being read. Splits of an ordered source follow one another in one sequence, so a reader
 *   goes from one to the next without a step back; of an unordered source no watermark leaves any reader until the last split
 *   has been handed out, and from then on each reader's own split counts.
 * - Idle: nothing has come for a time in which something could have come. A reader that holds its watermark for splits that
 *   nobody has opened is never idle (TIM-3).
 * - Paused: it is ahead of its alignment group. It takes no records, passes barriers all the same, and is not idle.
 */
export class SourceReader implements SubtaskInput {
  readonly #options: SourceReaderOptions
  readonly #abort = new AbortController()
  readonly #context: ReadContext
  #reader: BatchReader<unknown> | undefined
  readonly #stamping: Stamping
  readonly #badRecords: BadRecords
  readonly #idleClock: IdleClock
  #batch: SourceBatch<unknown> | undefined
  #next = 0
  /** The split being read, and where its current batch began. */
  #current: SplitProgress | undefined
  #from: Position | undefined
  #skip = 0
  #keptBack: SplitAssignment | undefined
  #requested = false
  #exhausted = false
  #hold = true
  #rate: number
  /** When the watermark was last set, and the stamping last told of the time. */
  #watermarkSetMs = Number.NEGATIVE_INFINITY
  #tickedMs = Number.NEGATIVE_INFINITY
  /** The clock's time at which the next alarm goes off. */
  #alarmMs = Number.POSITIVE_INFINITY
  watermarkMs = Number.NEGATIVE_INFINITY
  idle = false
  readonly received: readonly number[] = []
  barrierDue: BarrierMark | undefined
  readonly barrierDeadlineMs = Number.POSITIVE_INFINITY
  /** The checkpoint behind whose barrier nothing is read. */
  #heldBehind: number | undefined

  constructor(options: SourceReaderOptions) {
    this.#options = options
    this.#rate = (options.source.rate ?? Number.POSITIVE_INFINITY) / options.parallelism
    const { source, eventTime } = options
    this.#idleClock = new IdleClock(eventTime?.idleAfterMs ?? Number.POSITIVE_INFINITY, options.now())
    this.#badRecords = new BadRecords({
      label: source.label,
      subtask: options.subtask,
      policies: [source.badRecords, eventTime?.badTimes],
      goesOn: options.goesOn,
      onSkipped: () => options.metrics.add("skipped", 1),
    })
    this.#stamping = createStamping(eventTime, {
      wallNow: options.wallNow,
      onBadTime: (value, given, index) => this.#onBadTime(value, given, index),
    })
    this.#context = {
      signal: this.#abort.signal,
      now: options.now,
      sleep: (ms) => options.sleep(ms),
      rate: () => this.#rate,
      malformed: (bad) => this.#onMalformed(bad),
    }
  }

  /** The coordinator's answer to `requestSplit`. Kept back while a barrier is due: the checkpoint counts it as not handed out. */
  assign(assignment: SplitAssignment): void {
    if (this.barrierDue !== undefined) this.#keptBack = assignment
    else this.#take(assignment)
  }

  /** A checkpoint was triggered: what is assigned from now on is not part of it. */
  trigger(mark: BarrierMark): void {
    this.barrierDue = mark
    this.#options.wake()
  }

  notice(): void {
    // Its barriers come from the coordinator, by `trigger`.
  }

  passBarrier(): InputSnapshot {
    this.#badRecords.flush()
    const progress = this.#progress()
    if (this.barrierDue?.last === true) this.#heldBehind = this.barrierDue.checkpointId
    this.#endBarrier()
    return { progress, received: [] }
  }

  abortCheckpoint(checkpointId: number): void {
    if (this.barrierDue?.checkpointId === checkpointId) this.#endBarrier()
    if (this.#heldBehind !== checkpointId) return
    this.#heldBehind = undefined
    this.#options.wake()
  }

  /** Every split of the source has been handed out. */
  releaseWatermark(): void {
    this.#hold = false
    this.#options.wake()
  }

  setRate(recordsPerSecond: number): void {
    this.#rate = recordsPerSecond / this.#options.parallelism
  }

  get operatorId(): string {
    return this.#options.operatorId
  }

  get ended(): boolean {
    return this.#heldBehind === undefined && this.#exhausted && this.#reader === undefined && this.#batch === undefined
  }

  /** Waits for others of its alignment group. */
  get paused(): boolean {
    return this.#options.alignment?.paused ?? false
  }

  step(chain: Chain, budget: number): { readonly records: number; readonly moved: boolean } {
    // No record, and no watermark: what comes of it would be no part of the savepoint.
    if (this.#heldBehind !== undefined) return { records: 0, moved: false }
    const { alignment, now } = this.#options
    const waits = alignment?.mustWait(this.#stamping.watermarkMs) ?? false
    const records = waits ? 0 : this.#read(chain, budget)
    const nowMs = now()
    this.#followClock(nowMs, records > 0)
    this.#updateWatermark(nowMs)
    const changed = this.#noteIdleness(nowMs, { active: records > 0, held: waits || chain.blocked })
    alignment?.publish(this.#alignmentMark())
    return { records, moved: records > 0 || changed }
  }

  noteHeld(): void {
    this.#idleClock.restart(this.#options.now())
  }

  report(): ReaderReport {
    const { source, eventTime, alignment, now } = this.#options
    const { watermarks, timeOf } = eventTime ?? {}
    const slowest = alignment?.slowest
    return {
      type: "source",
      label: source.label,
      split: this.#reader === undefined && this.#batch === undefined ? undefined : this.#current?.split.id,
      state: this.ended ? "ended" : this.paused ? "paused" : this.idle ? "idle" : "reading",
      hasEventTime: eventTime !== undefined,
      watermarkMs: this.watermarkMs,
      splitWatermarkMs: this.#stamping.watermarkMs,
      newestMs: this.#stamping.newestMs,
      boundMs: timeOf !== undefined && watermarks?.kind === "bounded" ? watermarks.boundMs : undefined,
      holdsForSplits: this.#hold,
      quietMs: this.#idleClock.quietMs(now()),
      idleAfterMs: eventTime?.idleAfterMs ?? Number.POSITIVE_INFINITY,
      slowest:
        slowest === undefined
          ? undefined
          : { vertex: slowest.vertex, subtask: slowest.subtask, watermarkMs: slowest.markMs },
      maxDriftMs: eventTime?.alignment?.maxDriftMs,
    }
  }

  stop(): void {
    this.#exhausted = true
    this.#abort.abort()
    this.#reader?.close()
    this.#reader = undefined
    this.#batch = undefined
    this.#options.alignment?.publish(HOLDS_NOBODY)
    this.#options.wake()
  }

  close(): void {
    this.#abort.abort()
    this.#reader?.close()
    this.#badRecords.close()
    this.#options.alignment?.publish(HOLDS_NOBODY)
  }

  #take(assignment: SplitAssignment): void {
    this.#requested = false
    this.#hold = assignment.holdWatermark
    const { progress } = assignment
    if (this.#exhausted) return
    if (progress === undefined) {
      this.#exhausted = true
    } else {
      const { source } = this.#options
      this.#stamping.begin(progress)
      this.#current = progress
      this.#from = progress.from
      this.#skip = progress.skip
      const { wake, claim } = this.#options
      const reader = new SplitReader(source.read(progress.split, progress.from, this.#context), wake)
      const splitId = progress.split.id
      this.#reader =
        claim === undefined
          ? reader
          : new ClaimingReader({
              reader,
              claim: (piece) => claim({ splitId, newestMs: this.#stamping.newestMs, ...piece }),
              wake,
            })
    }
    this.#options.wake()
  }

  #endBarrier(): void {
    this.barrierDue = undefined
    const keptBack = this.#keptBack
    this.#keptBack = undefined
    if (keptBack !== undefined) this.#take(keptBack)
  }

  #progress(): SplitProgress | undefined {
    if (this.#current === undefined || (this.#reader === undefined && this.#batch === undefined)) return undefined
    return {
      split: this.#current.split,
      from: this.#from,
      skip: this.#batch === undefined ? this.#skip : this.#next,
      ...this.#stamping.capture(),
    }
  }

  /** Hands on up to `budget` records; an aligned reader stops where it would leave its group behind. */
  #read(chain: Chain, budget: number): number {
    const { alignment, operatorId, subtask } = this.#options
    const limitMs = alignment?.limitMs ?? Number.POSITIVE_INFINITY
    const most = alignment === undefined ? budget : ALIGNED_BUDGET
    let records = 0
    try {
      while (records < budget && !chain.blocked && !(this.#stamping.watermarkMs > limitMs && records > 0)) {
        if (this.#batch === undefined && !this.#nextBatch()) break
        records += this.#emit(chain, this.#batch!.values, Math.min(most, budget - records))
      }
    } catch (error) {
      throw operatorFailure(error, operatorId, subtask)
    }
    return records
  }

  /** Takes the next batch of the current split, or sees to it that there will be one. */
  #nextBatch(): boolean {
    if (this.#reader === undefined) {
      if (!this.#exhausted && !this.#requested) {
        this.#requested = true
        this.#options.requestSplit()
      }
      return false
    }
    const batch = this.#reader.poll()
    if (batch !== undefined && this.#skip >= batch.values.length) {
      // A restored split goes on behind records that were emitted before; batches need not be cut as they were then.
      this.#skip -= batch.values.length
      this.#from = batch.next
      return this.#nextBatch()
    }
    if (batch !== undefined) {
      this.#batch = batch
      this.#next = this.#skip
      this.#skip = 0
      return true
    }
    if (this.#reader.ended) {
      this.#reader = undefined
      // Asks at once: the answer takes a turn of the event loop.
      return this.#nextBatch()
    }
    return false
  }

  #emit(chain: Chain, values: readonly unknown[], budget: number): number {
    const from = this.#next
    const index = this.#stamping.emit(chain, values, from, Math.min(values.length, from + budget))
    this.#next = index
    if (index === values.length) {
      this.#from = this.#batch!.next
      this.#batch = undefined
    }
    return index - from
  }

  /** Watermarks that follow the clock are asked for now and then, also when there are no records. */
  #followClock(nowMs: number, active: boolean): void {
    const everyMs = this.#options.eventTime?.tickEveryMs ?? 0
    if (everyMs === 0 || (this.#reader === undefined && this.#batch === undefined)) return
    const dueInMs = this.#tickedMs + everyMs - nowMs
    if (dueInMs > 0) {
      if (!active) this.#alarm(dueInMs, nowMs)
      return
    }
    this.#tickedMs = nowMs
    try {
      this.#stamping.tick()
    } catch (error) {
      throw operatorFailure(error, this.#options.operatorId, this.#options.subtask)
    }
    if (!active) this.#alarm(everyMs, nowMs)
  }

  #updateWatermark(nowMs: number): void {
    const { metrics, eventTime } = this.#options
    if (eventTime === undefined) return
    const { newestMs, watermarkMs } = this.#stamping
    if (newestMs > metrics.get("newestEventMs")) metrics.set("newestEventMs", newestMs)
    if (this.#hold || watermarkMs <= this.watermarkMs) return
    const dueInMs = this.#watermarkSetMs + eventTime.watermarkEveryMs - nowMs
    if (dueInMs > 0) {
      this.#alarm(dueInMs, nowMs)
      return
    }
    this.#watermarkSetMs = nowMs
    this.watermarkMs = watermarkMs
  }

  /** Only time in which records could have come counts (FLINK-35886). @returns true when idleness changed */
  #noteIdleness(nowMs: number, { active, held }: { readonly active: boolean; readonly held: boolean }): boolean {
    const clock = this.#idleClock
    if (active || held || this.#hold || this.#batch !== undefined || this.ended) clock.restart(nowMs)
    const idle = !active && !held && !this.#hold && clock.isIdle(nowMs)
    if (!idle && !active) this.#alarm(clock.remainingMs(nowMs), nowMs)
    if (idle === this.idle) return false
    this.idle = idle
    this.#options.metrics.set("idleInput", idle ? 1 : 0)
    return true
  }

  #alignmentMark(): number {
    return this.idle || this.ended ? HOLDS_NOBODY : this.#stamping.watermarkMs
  }

  /** Has the subtask stepped again in so long, unless the worker's tick will do. */
  #alarm(inMs: number, nowMs: number): void {
    const atMs = nowMs + inMs
    if (inMs >= WORKER_TICK_MS || atMs >= this.#alarmMs) return
    this.#alarmMs = atMs
    // A little late rather than a little early: a timer may go off within the millisecond before its time.
    void this.#options.sleep(Math.ceil(inMs) + 1).then(() => {
      if (this.#alarmMs === atMs) this.#alarmMs = Number.POSITIVE_INFINITY
      this.#options.wake()
    })
  }

  #onMalformed(bad: MalformedRecord): void {
    const { badRecords } = this.#options.source
    const remedy =
      badRecords === undefined
        ? "mend it, or leave it out"
        : 'mend it, or set badRecords to "skip" or { deadLetter: "bad.ndjson" }'
    this.#badRecords.onBad(bad, badRecords ?? "fail", { code: "RECORD_MALFORMED", remedy })
  }

  #onBadTime(value: unknown, given: unknown, index: number): void {
    const { source, eventTime } = this.#options
    const { code, reason } = badTime(given)
    const behind = this.#from === undefined ? "its beginning" : `position ${JSON.stringify(this.#from)}`
    this.#badRecords.onBad(
      {
        raw: describe(value, 2000),
        reason,
        position: `split "${this.#current!.split.id}", record ${index + 1} behind ${behind}`,
      },
      eventTime!.badTimes ?? source.badRecords ?? "fail",
      {
        code,
        remedy: 'mend the time function or the record, or set badTimes to "skip" or { deadLetter: "bad.ndjson" }',
      },
    )
  }
}
