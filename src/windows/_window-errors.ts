import { describe, EngineError } from "../errors/index.ts"
import { type Duration, durationMs, signedDurationMs } from "../time/index.ts"

/** @throws {EngineError} WINDOW_SIZE_INVALID when the size is zero, negative or NaN; DURATION_INVALID when it is no duration */
export function windowSizeMs(size: Duration, windows: string): number {
  // NaN is refused here, with the words for a size.
  const sizeMs = typeof size === "number" && !(size > 0) ? Number.NaN : signedDurationMs(size, `the size of ${windows}`)
  if (sizeMs > 0) return sizeMs
  throw new EngineError(
    "WINDOW_SIZE_INVALID",
    `Cannot make ${windows} of size ${describe(size)}: a window must last at least 1 ms; give whole milliseconds or a duration ` +
      'such as "1h"',
    { details: { size: describe(size) } },
  )
}

/** The time between windows: > 0. @throws {EngineError} WINDOW_SLIDE_INVALID, DURATION_INVALID */
export function windowSlideMs(slide: Duration, sizeMs: number, size: Duration, windows: string): number {
  const slideMs =
    typeof slide === "number" && !(slide > 0) ? Number.NaN : signedDurationMs(slide, `the slide of ${windows}`)
  if (slideMs > 0 && slideMs <= sizeMs) return slideMs
  const why =
    slideMs > sizeMs
      ? `it is larger than their size ${describe(size)}, so records between two windows would be in none`
      : "windows must begin at least 1 ms apart"
  throw new EngineError(
    "WINDOW_SLIDE_INVALID",
    `Cannot make ${windows} every ${describe(slide)}: ${why}; give a slide of at most the size, or filter the records first`,
    { details: { size: describe(size), slide: describe(slide) } },
  )
}

/** @throws {EngineError} WINDOW_GAP_INVALID for anything but a duration above zero */
export function sessionGapMs(gap: unknown, of: string): number {
  if (typeof gap === "number" ? gap > 0 && Number.isFinite(gap) : typeof gap === "string") {
    const gapMs = durationMs(gap as Duration, `the gap of ${of}`)
    if (gapMs > 0) return gapMs
  }
  throw new EngineError(
    "WINDOW_GAP_INVALID",
    `Cannot make ${of} with a gap of ${describe(gap)}: a session ends after a time without records that is longer than 0; give ` +
      'milliseconds above zero or a duration such as "20m"',
    { details: { gap: describe(gap) } },
  )
}

/** @throws {EngineError} WINDOW_COUNT_INVALID */
export function positiveCount(count: number, what: string): number {
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new EngineError(
    "WINDOW_COUNT_INVALID",
    `Cannot use ${describe(count)} as ${what}: it must be a whole number of at least 1`,
    { details: { given: describe(count) } },
  )
}

/** The record has no event time that a window could hold. */
export function noTime(timeMs: number): EngineError {
  const found = timeMs === Number.NEGATIVE_INFINITY ? "it has no event time" : `its event time is ${describe(timeMs)}`
  return new EngineError(
    "WINDOW_NO_TIME",
    `Cannot put a record in a window: ${found}, and windows need ms between -2^53 and 2^53; give the source a \`time\` ` +
      "option that returns the record's time, e.g. { time: (f) => f.date }, and filter out records that have none",
    { details: { timeMs: describe(timeMs) } },
  )
}

/** State of other windows is to be restored. */
export function otherWindows(saved: string, present: string): EngineError {
  return new EngineError(
    "STATE_INCOMPATIBLE",
    `Cannot restore windows that were ${saved} as ${present}: what they have counted cannot be cut anew; give the windows their ` +
      "former size and offset, trigger and panes, or start the job without the snapshot",
    { details: { saved, present } },
  )
}
