import { EngineError } from "../errors/index.ts"
import { positiveCount } from "./_window-errors.ts"

/** Windows of so many records of a key, in the order of their arrival. The result depends on that order. */
export class CountWindows {
  readonly kind = "count"
  readonly time = "event"
  readonly size: number
  /** Records between two results: the size where windows do not overlap. */
  readonly slide: number
  readonly description: string

  constructor(size: number, slide: number) {
    this.size = size
    this.slide = slide
    this.description = `windows of ${size} records every ${slide}`
  }
}

/**
 * Windows of `size` records of a key, e.g. `countWindow(100)`. One that is not full at the end of input fires as it is.
 * The window of a result spans the times of its records; its event time is the newest of them.
 *
 * @throws {EngineError} WINDOW_COUNT_INVALID
 */
export function countWindow(size: number): CountWindows {
  positiveCount(size, "the size of count windows")
  return new CountWindows(size, size)
}

/**
 * The last `size` records of a key, every `slide` records (as in Flink: the first ones hold fewer), e.g. `slidingCount(100, 10)`.
 *
 * @throws {EngineError} WINDOW_COUNT_INVALID; WINDOW_SLIDE_INVALID when the slide is larger than the size
 */
export function slidingCount(size: number, slide: number): CountWindows {
  positiveCount(size, "the size of count windows")
  positiveCount(slide, "the slide of count windows")
  if (slide > size) {
    throw new EngineError(
      "WINDOW_SLIDE_INVALID",
      `Cannot make windows of ${size} records every ${slide} records: the ones between two windows would be in none; give a slide ` +
        "of at most the size",
      { details: { size, slide } },
    )
  }
  return new CountWindows(size, slide)
}
