import type { TimeDomain, TimeWindow } from "./window.ts"

/**
 * Windows that overlap, as the operator sees them: time is cut into slices such that each window is a run of whole slices.
 * A slice is named by its start, a window by its end. All times are whole event-time ms.
 */
export interface SlicedWindows {
  readonly kind: string
  readonly time: TimeDomain
  /** The same text for the same windows: kept in snapshots. */
  readonly description: string
  /** Between the ends of two windows. */
  readonly stepMs: number
  /** The slice that holds a time: finite ms, need not be whole. */
  sliceOf(timeMs: number): number
  /** The end of a slice. */
  sliceEndOf(slice: number): number
  /** The end of the first window that holds the slice. */
  firstEndOf(slice: number): number
  /** The end of the last window that holds the slice. */
  lastEndOf(slice: number): number
  /** The start of the window that ends at `end`. */
  startOf(end: number): number
  /** All windows that hold a time, by rising end. */
  windowsOf(timeMs: number): TimeWindow[]
}

/** The largest multiple of `step` beyond `origin` that is not above `timeMs`. */
export function floorTo(timeMs: number, step: number, origin: number): number {
  const floor = Math.floor((timeMs - origin) / step) * step + origin
  // The quotient of a fraction of a ms before a boundary may round up to it.
  return floor > timeMs ? floor - step : floor
}

/** The windows of a time: every end from the first to the last. */
export function listWindows(windows: SlicedWindows, timeMs: number): TimeWindow[] {
  const slice = windows.sliceOf(timeMs)
  const last = windows.lastEndOf(slice)
  const list: TimeWindow[] = []
  for (let end = windows.firstEndOf(slice); end <= last; end += windows.stepMs) {
    list.push({ start: windows.startOf(end), end })
  }
  return list
}
