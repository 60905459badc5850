import { type Duration, signedDurationMs } from "../time/index.ts"
import { windowSizeMs, windowSlideMs } from "./_window-errors.ts"
import { floorTo, listWindows, type SlicedWindows } from "./sliced-windows.ts"
import type { WindowOptions } from "./tumbling-windows.ts"
import type { TimeDomain, TimeWindow } from "./window.ts"

/**
 * Windows of `sizeMs` that begin every `slideMs`: a time is in size / slide of them, rounded up or down (WIN-1).
 *
 * Slices are cut at every start and every end, so there are one or two per slide, however odd the size.
 * Source: paired windows, Krishnamurthy et al., SIGMOD 2006.
 */
export class SlidingWindows implements SlicedWindows {
  readonly kind = "sliding"
  readonly sizeMs: number
  readonly stepMs: number
  /** 0 <= offsetMs < stepMs. */
  readonly offsetMs: number
  readonly time: TimeDomain
  /** The pipeline's time may take its place: the user gave none. */
  readonly timeIsDefault: boolean
  readonly description: string
  /** Where in a slide windows end. */
  readonly #endOffsetMs: number

  constructor(sizeMs: number, slideMs: number, offsetMs: number, time?: TimeDomain) {
    this.sizeMs = sizeMs
    this.stepMs = slideMs
    this.offsetMs = ((offsetMs % slideMs) + slideMs) % slideMs
    this.#endOffsetMs = (this.offsetMs + sizeMs) % slideMs
    this.time = time ?? "event"
    this.timeIsDefault = time === undefined
    this.description = `sliding windows of ${sizeMs} ms every ${slideMs} ms with offset ${this.offsetMs} ms${this.time === "event" ? "" : " of processing time"}`
  }

  /** The same windows in the other kind of time. */
  inTime(time: TimeDomain): SlidingWindows {
    return new SlidingWindows(this.sizeMs, this.stepMs, this.offsetMs, time)
  }

  sliceOf(timeMs: number): number {
    const begun = floorTo(timeMs, this.stepMs, this.offsetMs)
    const ended = floorTo(timeMs, this.stepMs, this.#endOffsetMs)
    return begun > ended ? begun : ended
  }

  sliceEndOf(slice: number): number {
    return Math.min(this.firstEndOf(slice), floorTo(slice, this.stepMs, this.offsetMs) + this.stepMs)
  }

  firstEndOf(slice: number): number {
    return floorTo(slice, this.stepMs, this.#endOffsetMs) + this.stepMs
  }

  lastEndOf(slice: number): number {
    return floorTo(slice, this.stepMs, this.offsetMs) + this.sizeMs
  }

  startOf(end: number): number {
    return end - this.sizeMs
  }

  windowsOf(timeMs: number): TimeWindow[] {
    return listWindows(this, timeMs)
  }
}

/**
 * Windows of `size` that begin every `slide`, e.g. `sliding("1h", "10m")`.
 *
 * @throws {EngineError} WINDOW_SIZE_INVALID; WINDOW_SLIDE_INVALID when the slide is not above zero or larger than the size;
 * DURATION_INVALID
 */
export function sliding(size: Duration, slide: Duration, options: WindowOptions = {}): SlidingWindows {
  const sizeMs = windowSizeMs(size, "sliding windows")
  const slideMs = windowSlideMs(slide, sizeMs, size, "sliding windows")
  const offsetMs = signedDurationMs(options.offset ?? 0, "the offset of sliding windows")
  return new SlidingWindows(sizeMs, slideMs, offsetMs, options.time)
}
