import { type Duration, signedDurationMs } from "../time/index.ts"
import { windowSizeMs } from "./_window-errors.ts"
import type { TimeDomain, TimeWindow } from "./window.ts"

export interface WindowOptions {
  /** Moves all boundaries by this much, also to before: "-8h" makes days of UTC+8. */
  readonly offset?: Duration
  /** The pipeline's when not given, which is "event" unless it says "processing". In processing time the clock at arrival decides, and the records need no event time. */
  readonly time?: TimeDomain
}

/**
 * Windows of equal size that follow each other without gap or overlap: each event time is in exactly one, [start, end) with
 * start = offset + a multiple of size (WIN-1; times before 1970 included).
 */
export class TumblingWindows {
  readonly kind = "tumbling"
  /** Event-time ms, whole, > 0. */
  readonly sizeMs: number
  /** Event-time ms, whole, 0 <= offsetMs < sizeMs. */
  readonly offsetMs: number
  readonly time: TimeDomain
  /** The pipeline's time may take its place: the user gave none. */
  readonly timeIsDefault: boolean
  readonly description: string

  constructor(sizeMs: number, offsetMs: number, time?: TimeDomain) {
    this.sizeMs = sizeMs
    this.offsetMs = ((offsetMs % sizeMs) + sizeMs) % sizeMs
    this.time = time ?? "event"
    this.timeIsDefault = time === undefined
    this.description = `tumbling windows of ${sizeMs} ms with offset ${this.offsetMs} ms${this.time === "event" ? "" : " of processing time"}`
  }

  /** The same windows in the other kind of time. */
  inTime(time: TimeDomain): TumblingWindows {
    return new TumblingWindows(this.sizeMs, this.offsetMs, time)
  }

  /** The start of the window that holds a time: finite ms, need not be whole. */
  startOf(timeMs: number): number {
    const start = Math.floor((timeMs - this.offsetMs) / this.sizeMs) * this.sizeMs + this.offsetMs
    // The quotient of a fraction of a ms before a boundary may round up to it.
    return start > timeMs ? start - this.sizeMs : start
  }

  /** The end of the window that starts at `start`. */
  endOf(start: number): number {
    return start + this.sizeMs
  }

  windowsOf(timeMs: number): TimeWindow[] {
    const start = this.startOf(timeMs)
    return [{ start, end: start + this.sizeMs }]
  }
}

/**
 * Tumbling windows of `size`, e.g. `tumbling("1h")`.
 *
 * @throws {EngineError} WINDOW_SIZE_INVALID when the size is zero, negative or NaN; DURATION_INVALID when it, or the offset,
 * is no duration
 */
export function tumbling(size: Duration, options: WindowOptions = {}): TumblingWindows {
  const sizeMs = windowSizeMs(size, "tumbling windows")
  const offsetMs = signedDurationMs(options.offset ?? 0, "the offset of tumbling windows")
  return new TumblingWindows(sizeMs, offsetMs, options.time)
}
