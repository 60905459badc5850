/** A span of event time, [start, end): ms. */
export interface TimeWindow {
  readonly start: number
  readonly end: number
}

/** When a pane left: before its window was over, when it was, or after. */
export type PaneTiming = "early" | "on-time" | "late"

/** One firing of a window for one key. Frozen or made anew for each. */
export interface WindowPane {
  readonly window: TimeWindow
  /** How many panes of the window came before, for this key. A retraction has the number of what it takes back. */
  readonly index: number
  readonly timing: PaneTiming
  /** Whether it is certain that no other follows. */
  readonly last: boolean
  /** Whether this takes back what the pane of the same number said. */
  readonly retraction: boolean
}

/** Whether event time or the clock says when a window is over. */
export type TimeDomain = "event" | "processing"
