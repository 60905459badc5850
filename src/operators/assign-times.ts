import type { Operator, OperatorContext, Output, OwnEventTime } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"
import {
  badTime,
  createSplitWatermarks,
  type EventTime,
  eventTimeMs,
  IdleClock,
  NO_PROGRESS,
  type SplitWatermarks,
  type WatermarkProgress,
  type WatermarkSpec,
} from "../time/index.ts"

export interface AssignTimesOptions<T> {
  timeOf(value: T): EventTime
  readonly watermarks: WatermarkSpec
  /** How often a generator is asked when there are no records, ms; 0: never. */
  readonly tickEveryMs: number
  /** Without a record for so long it no longer holds the watermark back, ms; +Infinity: never. */
  readonly idleAfterMs: number
  readonly badTimes: "fail" | "skip"
}

/**
 * Gives records another event time on their way, and makes the watermark of what follows (Flink's
 * assignTimestampsAndWatermarks). Each subtask's watermark is made of the records that it sees.
 *
 * - Idle between one and one and a half times the given quiet time after its last record: no clock is read per record.
 * - Checkpoints hold the watermark's progress. Subtasks merge to the earliest; a generator's state is kept only by a subtask that
 *   goes on alone.
 *
 * @throws {EngineError} EVENT_TIME_MISSING, EVENT_TIME_INVALID for a record without a valid time when these are to fail
 */
export class AssignTimesOperator<T> implements Operator<T, T> {
  readonly eventTime: OwnEventTime
  readonly #options: AssignTimesOptions<T>
  #watermarks: SplitWatermarks
  #context!: OperatorContext
  #idleClock!: IdleClock
  #sawRecords = false
  #idle = false

  constructor(options: AssignTimesOptions<T>) {
    this.#options = options
    this.#watermarks = createSplitWatermarks(options.watermarks, NO_PROGRESS)
    const watermarks = (): SplitWatermarks => this.#watermarks
    const isIdle = (): boolean => this.#idle
    this.eventTime = {
      get watermarkMs() {
        return watermarks().watermarkMs
      },
      get newestMs() {
        return watermarks().newestMs
      },
      get idle() {
        return isIdle()
      },
      noteHeld: () => {
        this.#sawRecords = true
      },
    }
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#idleClock = new IdleClock(this.#options.idleAfterMs, context.processingTimeMs())
    this.#setAlarm(context.processingTimeMs())
  }

  onRecord(value: T, _timeMs: number, out: Output<T>): void {
    const given = this.#options.timeOf(value)
    const timeMs = eventTimeMs(given)
    if (Number.isNaN(timeMs)) {
      this.#onBadTime(value, given)
      return
    }
    this.#sawRecords = true
    this.#idle = false
    this.#watermarks.observe(value, timeMs)
    out.emit(value, timeMs)
  }

  onAlarm(nowMs: number): void {
    if (this.#sawRecords) this.#idleClock.restart(nowMs)
    this.#sawRecords = false
    this.#idle = this.#idleClock.isIdle(nowMs)
    if (this.#options.tickEveryMs > 0) this.#watermarks.tick(nowMs)
    this.#setAlarm(nowMs)
  }

  captureValue(): WatermarkProgress {
    return this.#watermarks.capture()
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly WatermarkProgress[]
    const earliest = (ms: (progress: WatermarkProgress) => number): number => Math.min(...former.map(ms))
    const merged: WatermarkProgress = {
      newestMs: earliest(({ newestMs }) => newestMs),
      generator: { watermarkMs: earliest(({ generator }) => generator?.watermarkMs ?? Number.NEGATIVE_INFINITY) },
    }
    this.#watermarks = createSplitWatermarks(this.#options.watermarks, former.length === 1 ? former[0]! : merged)
    this.#setAlarm(this.#context.processingTimeMs())
  }

  #setAlarm(nowMs: number): void {
    const { tickEveryMs, idleAfterMs } = this.#options
    const everyMs = Math.min(tickEveryMs === 0 ? Number.POSITIVE_INFINITY : tickEveryMs, Math.ceil(idleAfterMs / 2))
    if (everyMs < Number.POSITIVE_INFINITY) this.#context.setAlarm(nowMs + Math.max(1, everyMs))
  }

  #onBadTime(value: T, given: unknown): void {
    if (this.#options.badTimes === "skip") {
      this.#context.count("skipped", 1)
      return
    }
    const { code, reason } = badTime(given)
    throw new EngineError(
      code,
      `Cannot assign a time to ${describe(value)}: ${reason}; mend the time function or the record, or set badTimes to "skip"`,
    )
  }
}
