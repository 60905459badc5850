import { describe, EngineError } from "../errors/index.ts"
import { type Duration, signedDurationMs } from "../time/index.ts"

export interface TumblingOptions {
  /** Moves all boundaries by this much, also to before: "-8h" makes days of UTC+8. */
  readonly offset?: Duration
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

  constructor(sizeMs: number, offsetMs: number) {
    this.sizeMs = sizeMs
    this.offsetMs = ((offsetMs % sizeMs) + sizeMs) % sizeMs
  }

  /** The start of the window that holds a time: finite ms, need not be whole. */
  startOf(timeMs: number): number {
    const start = Math.floor((timeMs - this.offsetMs) / this.sizeMs) * this.sizeMs + this.offsetMs
    // The quotient of a fraction of a ms before a boundary may round up to it.
    return start > timeMs ? start - this.sizeMs : start
  }
}

/**
 * Tumbling windows of `size`, e.g. `tumbling("1h")`.
 *
 * @throws {EngineError} WINDOW_SIZE_INVALID when the size is zero, negative or NaN; DURATION_INVALID when it, or the offset,
 * is no duration
 */
export function tumbling(size: Duration, options: TumblingOptions = {}): TumblingWindows {
  // NaN is refused here, with the words for a size.
  const sizeMs =
    typeof size === "number" && !(size > 0) ? Number.NaN : signedDurationMs(size, "the size of a tumbling window")
  if (!(sizeMs > 0)) {
    throw new EngineError(
      "WINDOW_SIZE_INVALID",
      `Cannot make tumbling windows of size ${describe(size)}: a window must last at least 1 ms; give whole milliseconds or ` +
        'a duration such as "1h"',
      { details: { size: describe(size) } },
    )
  }
  return new TumblingWindows(sizeMs, signedDurationMs(options.offset ?? 0, "the offset of a tumbling window"))
}
