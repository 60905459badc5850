import { describe, EngineError } from "../errors/index.ts"
import { type CalendarUnit, nextDate, type PlainDate, startOfUnit } from "./_plain-date.ts"
import { ZoneClock } from "./_zone-clock.ts"
import type { TimeDomain, TimeWindow } from "./window.ts"

export interface CalendarOptions {
  /** An IANA time zone such as "Europe/Berlin". "UTC" when not given. */
  readonly zone?: string
  /** For weeks: 1 is Monday (ISO 8601, and when not given), 7 is Sunday. */
  readonly weekStartsOn?: 1 | 2 | 3 | 4 | 5 | 6 | 7
  readonly time?: TimeDomain
}

/** Boundaries kept: beyond, the oldest knowledge is forgotten, all at once. */
const MAX_KNOWN = 1_024

/**
 * Days, weeks, months, quarters or years as the clocks of a time zone show them: [first instant of one, first instant of the
 * next), so a day lasts 23, 24 or 25 hours where clocks change, and a date that a zone skipped is no window. An instant
 * belongs to the last window that has begun, also where clocks go back across midnight.
 *
 * Zone rules come from Intl, so they are those of the Node that runs. Each boundary is looked up once (some hundred microseconds)
 * and kept; a record in a known window costs a binary search.
 */
export class CalendarWindows {
  readonly kind = "calendar"
  readonly unit: CalendarUnit
  readonly time: TimeDomain
  /** The pipeline's time may take its place: the user gave none. */
  readonly timeIsDefault: boolean
  readonly description: string
  readonly #clock: ZoneClock
  readonly #zone: string
  readonly #weekStart: number
  /** Known windows by rising start. */
  #starts: number[] = []
  #ends: number[] = []

  constructor(unit: CalendarUnit, zone: string, weekStart: number, time?: TimeDomain) {
    this.unit = unit
    this.#clock = new ZoneClock(zone)
    this.#zone = zone
    this.#weekStart = weekStart
    this.time = time ?? "event"
    this.timeIsDefault = time === undefined
    const week = unit === "week" ? ` that begin on day ${weekStart}` : ""
    this.description = `calendar windows of a ${unit}${week} in ${zone}${this.time === "event" ? "" : " of processing time"}`
  }

  /** The same windows in the other kind of time. */
  inTime(time: TimeDomain): CalendarWindows {
    return new CalendarWindows(this.unit, this.#zone, this.#weekStart, time)
  }

  /** The start of the window that holds a time: finite ms. */
  startOf(timeMs: number): number {
    // First the place: it may come with new lists.
    const place = this.#placeOf(timeMs)
    return this.#starts[place]!
  }

  /** The end of the window that starts at `start`. */
  endOf(start: number): number {
    const place = this.#placeOf(start)
    return this.#ends[place]!
  }

  windowsOf(timeMs: number): TimeWindow[] {
    const place = this.#placeOf(timeMs)
    return [{ start: this.#starts[place]!, end: this.#ends[place]! }]
  }

  #placeOf(timeMs: number): number {
    const starts = this.#starts
    let low = 0
    let high = starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (starts[middle]! <= timeMs) low = middle + 1
      else high = middle
    }
    if (low > 0 && timeMs < this.#ends[low - 1]!) return low - 1
    return this.#learn(timeMs, low)
  }

  #learn(timeMs: number, place: number): number {
    let date = startOfUnit(this.#clock.dateAt(timeMs), this.unit, this.#weekStart)
    let start = this.#clock.startOfDate(date)
    let end = this.#endAfter(date, start)
    // Where clocks went back across midnight, the old date shows again after the new one has begun.
    while (end <= timeMs) {
      date = nextDate(date, this.unit)
      start = this.#clock.startOfDate(date)
      end = this.#endAfter(date, start)
    }
    if (this.#starts.length >= MAX_KNOWN) {
      this.#starts = [start]
      this.#ends = [end]
      return 0
    }
    this.#starts.splice(place, 0, start)
    this.#ends.splice(place, 0, end)
    return place
  }

  /** The start of the next date that has one of its own: a skipped date begins when the one after it does. */
  #endAfter(date: PlainDate, start: number): number {
    let next = nextDate(date, this.unit)
    let end = this.#clock.startOfDate(next)
    while (end <= start) {
      next = nextDate(next, this.unit)
      end = this.#clock.startOfDate(next)
    }
    return end
  }
}

const UNITS: readonly CalendarUnit[] = ["day", "week", "month", "quarter", "year"]

/**
 * Windows of the calendar in a time zone, e.g. `calendar("month", { zone: "America/New_York" })`.
 *
 * @throws {EngineError} WINDOW_ZONE_UNKNOWN; WINDOW_UNIT_UNKNOWN
 */
export function calendar(unit: CalendarUnit, options: CalendarOptions = {}): CalendarWindows {
  if (!UNITS.includes(unit)) {
    throw new EngineError(
      "WINDOW_UNIT_UNKNOWN",
      `Cannot make calendar windows of ${describe(unit)}: the units are ${UNITS.join(", ")}; for hours and minutes use tumbling("1h")`,
      { details: { unit: describe(unit) } },
    )
  }
  const weekStart = options.weekStartsOn ?? 1
  if (!Number.isInteger(weekStart) || weekStart < 1 || weekStart > 7) {
    throw new EngineError(
      "WINDOW_UNIT_UNKNOWN",
      `Cannot begin weeks on day ${describe(weekStart)}: days are 1 (Monday) to 7 (Sunday)`,
      { details: { weekStartsOn: describe(weekStart) } },
    )
  }
  return new CalendarWindows(unit, options.zone ?? "UTC", weekStart, options.time)
}
