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

/** Gives the records of a split their event time, hands them on, and keeps the split's watermark. */
export interface SplitStamping {
  /** Hands on records `from` up to `to` until something downstream is at its bound. @returns the index of the first not taken */
  emit(chain: Chain, values: readonly unknown[], from: number, to: number): number
  /** The clock goes on. */
  tick(): void
  /** -Infinity before the first. */
  readonly watermarkMs: number
  /** Newest time. */
  readonly newestMs: number
  capture(): WatermarkProgress
}

/** Begins a split, or goes on with it. @param onBadTime a record without a valid time: `given` is what the time function answered. May throw */
export type Stamping = (
  from: WatermarkProgress,
  onBadTime: (value: unknown, given: unknown, index: number) => void,
) => SplitStamping

/** The way in which a reader gives times. @param wallNow wall clock, epoch ms */
export function createStamping(eventTime: EventTimeOptions | undefined, wallNow: () => number): Stamping {
  if (eventTime === undefined) return () => new NoStamping()
  if (eventTime.timeOf === undefined) {
    const clock = new StampClock(wallNow)
    return (from) => new ClockStamping(clock, from)
  }
  return (from, onBadTime) => new EventStamping(eventTime, from, { wallNow, onBadTime })
}

/** Records without event time. */
class NoStamping implements SplitStamping {
  readonly watermarkMs = Number.NEGATIVE_INFINITY
  readonly newestMs = Number.NEGATIVE_INFINITY

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
class EventStamping implements SplitStamping {
  readonly #timeOf: (value: unknown) => unknown
  readonly #onBadTime: (value: unknown, given: unknown, index: number) => void
  readonly #wallNow: () => number
  readonly #watermarks: SplitWatermarks

  constructor(
    { timeOf, watermarks }: EventTimeOptions,
    from: WatermarkProgress,
    { wallNow, onBadTime }: { wallNow(): number; onBadTime(value: unknown, given: unknown, index: number): void },
  ) {
    this.#timeOf = timeOf!
    this.#onBadTime = onBadTime
    this.#wallNow = wallNow
    this.#watermarks = createSplitWatermarks(watermarks, from)
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
        this.#onBadTime(value, given, index)
        continue
      }
      watermarks.observe(value, timeMs)
      chain.emit(value, timeMs)
    }
    return index
  }

  tick(): void {
    this.#watermarks.tick(this.#wallNow())
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

/** The clock may be set back, stamps never go back: neither in a split, nor from one to the next. */
class StampClock {
  readonly #wallNow: () => number
  newestMs = Number.NEGATIVE_INFINITY

  constructor(wallNow: () => number) {
    this.#wallNow = wallNow
  }

  tick(): void {
    const nowMs = Math.floor(this.#wallNow())
    if (nowMs > this.newestMs) this.newestMs = nowMs
  }
}

/**
 * The time is the clock's when the record is handed on. No later stamp is behind the clock, so the watermark follows it also when
 * nothing comes: such a source holds nobody back.
 */
class ClockStamping implements SplitStamping {
  readonly #clock: StampClock

  constructor(clock: StampClock, { newestMs }: WatermarkProgress) {
    this.#clock = clock
    if (newestMs > clock.newestMs) clock.newestMs = newestMs
  }

  emit(chain: Chain, values: readonly unknown[], from: number, to: number): number {
    const clock = this.#clock
    let index = from
    for (; index < to && !chain.blocked; index++) {
      clock.tick()
      chain.emit(values[index], clock.newestMs)
    }
    return index
  }

  tick(): void {
    this.#clock.tick()
  }

  get newestMs(): number {
    return this.#clock.newestMs
  }

  get watermarkMs(): number {
    return this.#clock.newestMs - 1
  }

  capture(): WatermarkProgress {
    return { newestMs: this.#clock.newestMs }
  }
}
