/** A date of the proleptic Gregorian calendar. */
export interface PlainDate {
  readonly year: number
  /** 1..12 */
  readonly month: number
  /** 1..31 */
  readonly day: number
}

export type CalendarUnit = "day" | "week" | "month" | "quarter" | "year"

const DAY_MS = 86_400_000

/** Midnight of the date in UTC: epoch ms. */
export function utcOf({ year, month, day }: PlainDate): number {
  const date = new Date(0)
  // Date.UTC takes years below 100 for those of the last century.
  return date.setUTCFullYear(year, month - 1, day)
}

function dateOf(utcMs: number): PlainDate {
  const date = new Date(utcMs)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

/** The first date of the unit that holds a date. @param weekStart 1 is Monday */
export function startOfUnit(date: PlainDate, unit: CalendarUnit, weekStart: number): PlainDate {
  const { year, month } = date
  switch (unit) {
    case "day":
      return date
    case "week": {
      const utcMs = utcOf(date)
      const isoDay = new Date(utcMs).getUTCDay() || 7
      return dateOf(utcMs - ((isoDay - weekStart + 7) % 7) * DAY_MS)
    }
    case "month":
      return { year, month, day: 1 }
    case "quarter":
      return { year, month: month - ((month - 1) % 3), day: 1 }
    case "year":
      return { year, month: 1, day: 1 }
  }
}

/** The first date of the unit after the one that begins at `start`. */
export function nextDate(start: PlainDate, unit: CalendarUnit): PlainDate {
  const { year, month, day } = start
  switch (unit) {
    case "day":
      return dateOf(utcOf(start) + DAY_MS)
    case "week":
      return dateOf(utcOf(start) + 7 * DAY_MS)
    case "month":
      return month === 12 ? { year: year + 1, month: 1, day } : { year, month: month + 1, day }
    case "quarter":
      return month === 10 ? { year: year + 1, month: 1, day } : { year, month: month + 3, day }
    case "year":
      return { year: year + 1, month, day }
  }
}
