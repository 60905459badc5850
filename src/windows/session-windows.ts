import type { Duration } from "../time/index.ts"
import { sessionGapMs } from "./_window-errors.ts"
import type { TimeDomain } from "./window.ts"

/** The time without records that ends a session: one for all, or one for each record. */
export type SessionGap<T> = Duration | ((value: T) => Duration)

/**
 * Windows that last while records come: a record at t opens one from t to t + gap, and windows of a key that touch or overlap
 * become one (as in Flink: two records exactly one gap apart are in one session). So that this does not depend on who comes
 * first, a session is over when the watermark has reached its end, and its results carry that time; in Flink, one ms earlier.
 */
export class SessionWindows<T = unknown> {
  readonly kind = "session"
  readonly time: TimeDomain
  /** The pipeline's time may take its place: the user gave none. */
  readonly timeIsDefault: boolean
  readonly description: string
  readonly #gap: SessionGap<T>
  readonly #gapMs: number | undefined
  readonly #gapOf: ((value: unknown) => Duration) | undefined

  constructor(gap: SessionGap<T>, time?: TimeDomain) {
    this.#gap = gap
    this.#gapMs = typeof gap === "function" ? undefined : sessionGapMs(gap, "sessions")
    this.#gapOf = typeof gap === "function" ? (gap as (value: unknown) => Duration) : undefined
    this.time = time ?? "event"
    this.timeIsDefault = time === undefined
    // The gap may change between two runs: sessions that are open keep their end.
    this.description = `sessions${this.time === "event" ? "" : " of processing time"}`
  }

  /** The same windows in the other kind of time. */
  inTime(time: TimeDomain): SessionWindows<T> {
    return new SessionWindows<T>(this.#gap, time)
  }

  /** @throws {EngineError} WINDOW_GAP_INVALID when the function returns anything but a duration above zero */
  gapOf(value: T): number {
    return this.#gapMs ?? sessionGapMs(this.#gapOf!(value), "a record's session")
  }
}

/**
 * Sessions that end after `gap` without records of the key, e.g. `session("20m")`, or a gap per record:
 * `session((click) => click.mobile ? "5m" : "20m")`.
 *
 * @throws {EngineError} WINDOW_GAP_INVALID when the gap is not above zero; DURATION_INVALID
 */
export function session<T = unknown>(
  gap: SessionGap<T>,
  options: { readonly time?: TimeDomain } = {},
): SessionWindows<T> {
  return new SessionWindows<T>(gap, options.time)
}
