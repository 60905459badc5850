import { describe, EngineError } from "../errors/index.ts"
import { type Duration, signedDurationMs } from "../time/index.ts"
import { windowSizeMs, windowSlideMs } from "./_window-errors.ts"
import { floorTo, listWindows, type SlicedWindows } from "./sliced-windows.ts"
import type { WindowOptions } from "./tumbling-windows.ts"
import type { TimeDomain, TimeWindow } from "./window.ts"

/** Windows that share a start and grow by `stepMs` up to `sizeMs`, then begin anew: "today so far", every hour. */
export class CumulativeWindows implements SlicedWindows {
  readonly kind = "cumulative"
  readonly sizeMs: number
  readonly stepMs: number
  /** 0 <= offsetMs < sizeMs. */
  readonly offsetMs: number
  readonly time: TimeDomain
  /** The pipeline's time may take its place: the user gave none. */
  readonly timeIsDefault: boolean
  readonly description: string

  constructor(sizeMs: number, stepMs: number, offsetMs: number, time?: TimeDomain) {
    this.sizeMs = sizeMs
    this.stepMs = stepMs
    this.offsetMs = ((offsetMs % sizeMs) + sizeMs) % sizeMs
    this.time = time ?? "event"
    this.timeIsDefault = time === undefined
    this.description = `cumulative windows of ${sizeMs} ms by ${stepMs} ms with offset ${this.offsetMs} ms${this.time === "event" ? "" : " of processing time"}`
  }

  /** The same windows in the other kind of time. */
  inTime(time: TimeDomain): CumulativeWindows {
    return new CumulativeWindows(this.sizeMs, this.stepMs, this.offsetMs, time)
  }

  sliceOf(timeMs: number): number {
    return floorTo(timeMs, this.stepMs, this.offsetMs)
  }

  sliceEndOf(slice: number): number {
    return slice + this.stepMs
  }

  firstEndOf(slice: number): number {
    return slice + this.stepMs
  }

  lastEndOf(slice: number): number {
    return floorTo(slice, this.sizeMs, this.offsetMs) + this.sizeMs
  }

  startOf(end: number): number {
    return floorTo(end - 1, this.sizeMs, this.offsetMs)
  }

  windowsOf(timeMs: number): TimeWindow[] {
    return listWindows(this, timeMs)
  }
}

/**
 * Windows that grow by `step` up to `size` and then begin anew (as Flink's CUMULATE), e.g. `cumulative("1d", "1h")`.
 *
 * @throws {EngineError} WINDOW_SIZE_INVALID; WINDOW_SLIDE_INVALID when the step is not above zero, or the size is no multiple
 * of it; DURATION_INVALID
 */
export function cumulative(size: Duration, step: Duration, options: WindowOptions = {}): CumulativeWindows {
  const sizeMs = windowSizeMs(size, "cumulative windows")
  const stepMs = windowSlideMs(step, sizeMs, size, "cumulative windows")
  if (sizeMs % stepMs !== 0) {
    throw new EngineError(
      "WINDOW_SLIDE_INVALID",
      `Cannot make cumulative windows of ${describe(size)} by ${describe(step)}: the last step would not end with the window; give a ` +
        "size that is a multiple of the step",
      { details: { size: describe(size), slide: describe(step) } },
    )
  }
  return new CumulativeWindows(
    sizeMs,
    stepMs,
    signedDurationMs(options.offset ?? 0, "the offset of cumulative windows"),
    options.time,
  )
}
