import type { MalformedRecord, ReadContext, Source } from "../contracts/index.ts"
import { describe } from "../errors/index.ts"
import type { ReaderReport, SubtaskMetrics } from "../observe/index.ts"
import type { EventTimeOptions } from "../plan/index.ts"
import { badTime, HOLDS_NOBODY, IdleClock, slowestOf } from "../time/index.ts"
import type { AlignedReader } from "./alignment-board.ts"
import { BadRecords } from "./bad-records.ts"
import type { Chain } from "./chain.ts"
import { ClaimingReader, type PieceClaim } from "./claiming-reader.ts"
import { OpenSplit } from "./open-split.ts"
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
  /** Asks for splits; the answer comes by `assign`. */
  requestSplit(): void
  /** At most once: resolves when it is written down that reading goes on from here after a failure. Nothing is emitted before. */
  readonly claim: ((claim: SplitClaim) => Promise<void>) | undefined
  now(): number
  sleep(ms: number): Promise<void>
  wake(): void
}

const NO_MARK = Number.NEGATIVE_INFINITY
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
 * The input of a source subtask: asks for splits, reads them, gives records their event time, and makes the watermark.
 *
 * - Of a bounded source it reads one split after another, and its watermark is that of the split being read. Splits of an ordered
 *   source follow one another in one sequence, so a reader goes from one to the next without a step back; of an unordered source
 *   no watermark leaves any reader until the last split has been handed out, and from then on each reader's own split counts.
 * - Of a source without end it reads all of its splits side by side, a batch of each in turn, and its watermark is the lowest of
 *   those that are not idle.
 * - Idle: nothing has come for a time in which something could have come. A reader that holds its watermark for splits that
 *   nobody has opened is never idle (TIM-3).
 * - Paused: all of its splits are ahead of its alignment group. It takes no records, passes barriers all the same, and is not
 *   idle. A split that is ahead waits for the others, those of its own reader among them.
 */
export class SourceReader implements SubtaskInput {
  readonly #options: SourceReaderOptions
  readonly #abort = new AbortController()
  readonly #context: ReadContext
  readonly #stamping: Stamping
  readonly #badRecords: BadRecords
  /** Those being read; between two, the one that has ended, whose watermark is still the reader's. */
  #splits: OpenSplit[] = []
  /** The split whose turn it is. */
  #turn = 0
  readonly #idleClock: IdleClock
  #keptBack: SplitAssignment | undefined
  #requested = false
  #exhausted = false
  #hold = true
  /** Records per second of the whole source, and among how many it is shared. */
  #rate: number
  #sharers: number
  /** When the watermark was last set, and the stamping last told of the time. */
  #watermarkSetMs = Number.NEGATIVE_INFINITY
  #tickedMs = Number.NEGATIVE_INFINITY
  /** The clock's time at which the next alarm goes off. */
  #alarmMs = Number.POSITIVE_INFINITY
  watermarkMs = Number.NEGATIVE_INFINITY
  idle = false
  /** Alignment lets none of its splits be read. */
  paused = false
  readonly received: readonly number[] = []
  barrierDue: BarrierMark | undefined
  readonly barrierDeadlineMs = Number.POSITIVE_INFINITY
  /** The checkpoint behind whose barrier nothing is read. */
  #heldBehind: number | undefined

  constructor(options: SourceReaderOptions) {
    this.#options = options
    this.#rate = options.source.rate ?? Number.POSITIVE_INFINITY
    this.#sharers = options.parallelism
    const { source, eventTime } = options
    this.#idleClock = new IdleClock(eventTime?.idleAfterMs ?? Number.POSITIVE_INFINITY, options.now())
    this.#badRecords = new BadRecords({
      label: source.label,
      subtask: options.subtask,
      policies: [source.badRecords, eventTime?.badTimes],
      goesOn: options.goesOn,
      onSkipped: () => options.metrics.add("skipped", 1),
    })
    this.#stamping = createStamping(eventTime, options.wallNow)
    this.#context = {
      signal: this.#abort.signal,
      now: options.now,
      sleep: (ms) => options.sleep(ms),
      rate: () => this.#rate / this.#sharers,
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
    const progress = this.#unfinished.map((split) => split.progress())
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
    this.#rate = recordsPerSecond
  }

  get operatorId(): string {
    return this.#options.operatorId
  }

  get ended(): boolean {
    return this.#heldBehind === undefined && this.#exhausted && this.#allEnded
  }

  step(chain: Chain, budget: number): { readonly records: number; readonly moved: boolean } {
    // No record, and no watermark: what comes of it would be no part of the savepoint.
    if (this.#heldBehind !== undefined) return { records: 0, moved: false }
    const { alignment, now } = this.#options
    const limitMs = alignment?.limitMs ?? Number.POSITIVE_INFINITY
    const records = this.#read(chain, budget, limitMs)
    const nowMs = now()
    const held = chain.blocked || this.paused
    this.#followClock(nowMs, records > 0)
    this.#noteQuietSplits(nowMs, limitMs, held)
    this.#updateWatermark(nowMs)
    const changed = this.#noteIdleness(nowMs, { active: records > 0, held })
    const isLetGo = alignment !== undefined && this.#align(alignment, limitMs)
    return { records, moved: records > 0 || changed || isLetGo }
  }

  noteHeld(): void {
    const nowMs = this.#options.now()
    this.#idleClock.restart(nowMs)
    for (const { idleClock } of this.#splits) idleClock.restart(nowMs)
  }

  report(): ReaderReport {
    const { source, eventTime, alignment, now } = this.#options
    const { watermarks, timeOf } = eventTime ?? {}
    const slowest = alignment?.slowest
    const split = this.#slowestSplit(now())
    return {
      type: "source",
      label: source.label,
      split: split === undefined || split.ended ? undefined : split.split.id,
      splits: this.#unfinished.length,
      state: this.ended ? "ended" : this.paused ? "paused" : this.idle ? "idle" : "reading",
      hasEventTime: eventTime !== undefined,
      watermarkMs: this.watermarkMs,
      splitWatermarkMs: split?.stamping.watermarkMs ?? Number.NEGATIVE_INFINITY,
      newestMs: split?.stamping.newestMs ?? Number.NEGATIVE_INFINITY,
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
    this.#closeSplits()
    this.#options.alignment?.publish(HOLDS_NOBODY)
    this.#options.wake()
  }

  close(): void {
    this.#abort.abort()
    this.#closeSplits()
    this.#badRecords.close()
    this.#options.alignment?.publish(HOLDS_NOBODY)
  }

  #take({ splits, last, sharers, holdWatermark }: SplitAssignment): void {
    this.#requested = false
    this.#hold = holdWatermark
    this.#sharers = sharers
    if (this.#exhausted) return
    this.#exhausted = last
    if (splits.length > 0) {
      this.#splits = splits.map((progress) => this.#open(progress))
      this.#turn = 0
    }
    this.#options.wake()
  }

  #open(progress: SplitProgress): OpenSplit {
    const { source, eventTime, wake, claim, now } = this.#options
    const { split, from } = progress
    const stamping = this.#stamping(progress, (value, given, index) =>
      this.#onBadTime(value, given, opened.placeOf(index)),
    )
    const reader = new SplitReader(source.read(split, from, this.#context), wake)
    const opened = new OpenSplit({
      progress,
      stamping,
      idleClock: new IdleClock(eventTime?.idleAfterMs ?? Number.POSITIVE_INFINITY, now()),
      reader:
        claim === undefined
          ? reader
          : new ClaimingReader({
              reader,
              claim: (piece) => claim({ splitId: split.id, newestMs: stamping.newestMs, ...piece }),
              wake,
            }),
    })
    return opened
  }

  #closeSplits(): void {
    for (const split of this.#splits) split.close()
  }

  get #allEnded(): boolean {
    return this.#splits.every((split) => split.ended)
  }

  get #unfinished(): readonly OpenSplit[] {
    return this.#splits.filter((split) => !split.ended)
  }

  #endBarrier(): void {
    this.barrierDue = undefined
    const keptBack = this.#keptBack
    this.#keptBack = undefined
    if (keptBack !== undefined) this.#take(keptBack)
  }

  /** Hands on up to `budget` records, a batch of each split in turn; a split stops where it would leave its group behind. */
  #read(chain: Chain, budget: number, limitMs: number): number {
    const { alignment, operatorId, subtask } = this.#options
    const most = alignment === undefined ? budget : ALIGNED_BUDGET
    for (const split of this.#splits) split.beginStep()
    let records = 0
    let passedOver = 0
    let ahead = 0
    try {
      while (records < budget && !chain.blocked && passedOver < this.#splits.length) {
        const split = this.#splits[this.#turn]!
        const isAhead = split.stamping.watermarkMs > limitMs
        if (!isAhead && split.poll()) {
          records += split.emit(chain, Math.min(most, budget - records))
          passedOver = 0
          ahead = 0
          if (split.hasRecords) continue
        } else {
          passedOver += 1
          if (isAhead) ahead += 1
        }
        this.#turn = (this.#turn + 1) % this.#splits.length
      }
    } catch (error) {
      throw operatorFailure(error, operatorId, subtask)
    }
    this.paused = ahead > 0 && ahead === this.#splits.length
    this.#dropEnded()
    return records
  }

  /** Splits that have ended hold nobody, but the last: its watermark stays the reader's until the next begins. */
  #dropEnded(): void {
    const splits = this.#splits
    if (splits.length > 1 && splits.some((split) => split.ended)) {
      const unfinished = this.#unfinished
      this.#splits = unfinished.length > 0 ? [...unfinished] : splits.slice(-1)
      this.#turn = 0
    }
    if (this.#exhausted || this.#requested || !this.#allEnded) return
    this.#requested = true
    this.#options.requestSplit()
  }

  /** Watermarks that follow the clock are asked for now and then, also when there are no records. */
  #followClock(nowMs: number, active: boolean): void {
    const everyMs = this.#options.eventTime?.tickEveryMs ?? 0
    if (everyMs === 0 || this.#allEnded) return
    const dueInMs = this.#tickedMs + everyMs - nowMs
    if (dueInMs > 0) {
      if (!active) this.#alarm(dueInMs, nowMs)
      return
    }
    this.#tickedMs = nowMs
    try {
      for (const { stamping } of this.#splits) stamping.tick()
    } catch (error) {
      throw operatorFailure(error, this.#options.operatorId, this.#options.subtask)
    }
    if (!active) this.#alarm(everyMs, nowMs)
  }

  /** Only time in which records could have come counts (FLINK-35886), for each split. */
  #noteQuietSplits(nowMs: number, limitMs: number, held: boolean): void {
    for (const { quiet, stamping, idleClock } of this.#splits) {
      if (!quiet || held || this.#hold || stamping.watermarkMs > limitMs) idleClock.restart(nowMs)
      else if (!idleClock.isIdle(nowMs)) this.#alarm(idleClock.remainingMs(nowMs), nowMs)
    }
  }

  #updateWatermark(nowMs: number): void {
    const { metrics, eventTime } = this.#options
    if (eventTime === undefined) return
    for (const { stamping } of this.#splits) {
      if (stamping.newestMs > metrics.get("newestEventMs")) metrics.set("newestEventMs", stamping.newestMs)
    }
    const watermarkMs = this.#slowestSplit(nowMs)?.stamping.watermarkMs ?? Number.NEGATIVE_INFINITY
    if (this.#hold || watermarkMs <= this.watermarkMs) return
    const dueInMs = this.#watermarkSetMs + eventTime.watermarkEveryMs - nowMs
    if (dueInMs > 0) {
      this.#alarm(dueInMs, nowMs)
      return
    }
    this.#watermarkSetMs = nowMs
    this.watermarkMs = watermarkMs
  }

  /** The one that holds the watermark; where all are idle, the slowest of all. Undefined before the first split. */
  #slowestSplit(nowMs: number): OpenSplit | undefined {
    if (this.#splits.length < 2) return this.#splits[0]
    const active = this.#splits.filter(({ idleClock }) => !idleClock.isIdle(nowMs))
    const candidates = active.length > 0 ? active : this.#splits
    return candidates[slowestOf(candidates.map(({ stamping }) => stamping.watermarkMs))]
  }

  /** @returns true when idleness changed */
  #noteIdleness(nowMs: number, { active, held }: { readonly active: boolean; readonly held: boolean }): boolean {
    const clock = this.#idleClock
    const hasRecords = this.#splits.some((split) => split.hasRecords)
    if (active || held || this.#hold || hasRecords || this.ended) clock.restart(nowMs)
    const idle = !active && !held && !this.#hold && clock.isIdle(nowMs)
    if (!idle && !active) this.#alarm(clock.remainingMs(nowMs), nowMs)
    if (idle === this.idle) return false
    this.idle = idle
    this.#options.metrics.set("idleInput", idle ? 1 : 0)
    return true
  }

  /**
   * Says how far this reader is, and asks to be rung by the others where one of its splits waits for them.
   *
   * @returns true when one that was ahead may be read by now
   */
  #align(alignment: AlignedReader, limitMs: number): boolean {
    const slowest = this.#slowestSplit(this.#options.now())
    alignment.publish(this.idle || this.ended ? HOLDS_NOBODY : (slowest?.stamping.watermarkMs ?? NO_MARK))
    const fastestMs = Math.max(NO_MARK, ...this.#unfinished.map(({ stamping }) => stamping.watermarkMs))
    const waits = alignment.mustWait(fastestMs)
    return fastestMs > limitMs && !waits && fastestMs <= alignment.limitMs
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

  #onBadTime(value: unknown, given: unknown, position: string): void {
    const { source, eventTime } = this.#options
    const { code, reason } = badTime(given)
    this.#badRecords.onBad(
      { raw: describe(value, 2000), reason, position },
      eventTime!.badTimes ?? source.badRecords ?? "fail",
      {
        code,
        remedy: 'mend the time function or the record, or set badTimes to "skip" or { deadLetter: "bad.ndjson" }',
      },
    )
  }
}
