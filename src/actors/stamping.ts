import type { EventTimeOptions } from "../plan/index.ts"
import { NO_TIME } from "../records/index.ts"
import {
  createSplitWatermarks,
  eventTimeMs,
  NO_PROGRESS,
  type SplitWatermarks,
  type WatermarkProgress,
} from "../time/index.ts"
import type { Chain } from "./chain.ts"

/** Gives the records of a source their event time, hands them on, and keeps the watermark of the split that is being read. */
export interface Stamping {
  /** Another split begins, or goes on. */
  begin(from: WatermarkProgress): void
  /** Hands on records `from` up to `to` until something downstream is at its bound. @returns the index of the first not taken */
  emit(chain: Chain, values: readonly unknown[], from: number, to: number): number
  /** The clock goes on. */
  tick(): void
  /** Of the split: -Infinity before the first. */
  readonly watermarkMs: number
  /** Newest time in the split. */
  readonly newestMs: number
  capture(): WatermarkProgress
}

export interface StampingOptions {
  /** Wall clock, epoch ms. */
  wallNow(): number
  /** A record without a valid time: `given` is what the time function answered. May throw. */
  onBadTime(value: unknown, given: unknown, index: number): void
}

export function createStamping(eventTime: EventTimeOptions | undefined, options: StampingOptions): Stamping {
  if (eventTime === undefined) return new NoStamping()
  if (eventTime.timeOf === undefined) return new ClockStamping(options)
  return new EventStamping(eventTime, options)
}

/** Records without event time. */
class NoStamping implements Stamping {
  readonly watermarkMs = Number.NEGATIVE_INFINITY
  readonly newestMs = Number.NEGATIVE_INFINITY

  begin(): void {
    // No times, nothing to go on from.
  }

  emit(chain: Chain, values: readonly unknown[], from: number, to: number): number {
    let index = from
    for (; index < to && !chain.blocked; index++) chain.emit(values[index], NO_TIME)
    return index
  }

  tick(): void {
    // There is no watermark.
  }

  capture(): WatermarkProgress {
    return NO_PROGRESS
  }
}

/** The time is a function of the record. */
class EventStamping implements Stamping {
  readonly #eventTime: EventTimeOptions
  readonly #timeOf: (value: unknown) => unknown
  readonly #options: StampingOptions
  #watermarks: SplitWatermarks

  constructor(eventTime: EventTimeOptions, options: StampingOptions) {
    this.#eventTime = eventTime
    this.#timeOf = eventTime.timeOf!
    this.#options = options
    this.#watermarks = createSplitWatermarks(eventTime.watermarks, NO_PROGRESS)
  }

  begin(from: WatermarkProgress): void {
    this.#watermarks = createSplitWatermarks(this.#eventTime.watermarks, from)
  }

  emit(chain: Chain, values: readonly unknown[], from: number, to: number): number {
    const watermarks = this.#watermarks
    const timeOf = this.#timeOf
    let index = from
    for (; index < to && !chain.blocked; index++) {
      const value = values[index]
      const given = timeOf(value)
      const timeMs = eventTimeMs(given)
      if (Number.isNaN(timeMs)) {
        this.#options.onBadTime(value, given, index)
        continue
      }
      watermarks.observe(value, timeMs)
      chain.emit(value, timeMs)
    }
    return index
  }

  tick(): void {
    this.#watermarks.tick(this.#options.wallNow())
  }

  get watermarkMs(): number {
    return this.#watermarks.watermarkMs
  }

  get newestMs(): number {
    return this.#watermarks.newestMs
  }

  capture(): WatermarkProgress {
    return this.#watermarks.capture()
  }
}

/**
 * The time is the clock's when the record is handed on. The clock may be set back, stamps never go back; and since no later stamp
 * is behind the clock, the watermark follows it also when nothing comes: such a source holds nobody back.
 */
class ClockStamping implements Stamping {
  readonly #wallNow: () => number
  newestMs = Number.NEGATIVE_INFINITY

  constructor({ wallNow }: StampingOptions) {
    this.#wallNow = wallNow
  }

  /** Splits follow one another in the clock's order too. */
  begin({ newestMs }: WatermarkProgress): void {
    if (newestMs > this.newestMs) this.newestMs = newestMs
  }

  emit(chain: Chain, values: readonly unknown[], from: number, to: number): number {
    let index = from
    for (; index < to && !chain.blocked; index++) {
      this.tick()
      chain.emit(values[index], this.newestMs)
    }
    return index
  }

  tick(): void {
    const nowMs = Math.floor(this.#wallNow())
    if (nowMs > this.newestMs) this.newestMs = nowMs
  }

  get watermarkMs(): number {
    return this.newestMs - 1
  }

  capture(): WatermarkProgress {
    return { newestMs: this.newestMs }
  }
}
