import { describe, EngineError } from "../errors/index.ts"
import { type PlainDate, utcOf } from "./_plain-date.ts"

const DAY_MS = 86_400_000

/** What the clocks of a time zone show, by Intl. Pure: the rules are those that the platform ships. */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat

  /** @throws {EngineError} WINDOW_ZONE_UNKNOWN */
  constructor(zone: string) {
    try {
      this.#format = new Intl.DateTimeFormat("en-US", {
        timeZone: zone,
        calendar: "gregory",
        hourCycle: "h23",
        era: "short",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      })
    } catch (cause) {
      throw new EngineError(
        "WINDOW_ZONE_UNKNOWN",
        `Cannot make calendar windows in the zone ${describe(zone)}: this Node knows no such time zone; give an IANA name such as "Europe/Berlin"`,
        { cause, details: { zone: describe(zone) } },
      )
    }
  }

  /** The date that the clocks show at an instant. */
  dateAt(timeMs: number): PlainDate {
    const shown = new Date(this.#shownAt(timeMs))
    return { year: shown.getUTCFullYear(), month: shown.getUTCMonth() + 1, day: shown.getUTCDate() }
  }

  /**
   * The first instant at which the clocks show the date, or, where they skip its midnight or all of it, the first after the
   * skip. Of two midnights it is the first.
   */
  startOfDate(date: PlainDate): number {
    const shown = utcOf(date)
    const before = this.#offsetAt(shown - DAY_MS)
    const after = this.#offsetAt(shown + DAY_MS)
    const early = shown - Math.max(before, after)
    const late = shown - Math.min(before, after)
    if (this.#shownAt(early) === shown) return early
    if (this.#shownAt(late) === shown) return late
    // Midnight is skipped: clocks go forward somewhere between the two. Find the instant.
    let low = early
    let high = late
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#shownAt(middle) < shown) low = middle
      else high = middle
    }
    return high
  }

  #offsetAt(timeMs: number): number {
    return this.#shownAt(timeMs) - Math.floor(timeMs)
  }

  /** What the clocks show at an instant, as if it were UTC: ms. */
  #shownAt(timeMs: number): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {}
    for (const { type, value } of this.#format.formatToParts(timeMs)) parts[type] = value
    const year = Number(parts.year)
    const midnight = utcOf({
      year: parts.era === "BC" || parts.era === "B" ? 1 - year : year,
      month: Number(parts.month),
      day: Number(parts.day),
    })
    const whole = Math.floor(timeMs)
    const ms = ((whole % 1_000) + 1_000) % 1_000
    return midnight + Number(parts.hour) * 3_600_000 + Number(parts.minute) * 60_000 + Number(parts.second) * 1_000 + ms
  }
}
