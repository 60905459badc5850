/** A span of event time, [start, end): ms. */
export interface TimeWindow {
  readonly start: number
  readonly end: number
}
