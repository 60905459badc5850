import { DateTime } from "luxon"
import { describe, expect, it } from "vitest"
import { calendar } from "./calendar-windows.ts"

const ZONES = [
  ...["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"],
  // Clocks change at midnight, or skip it.
  ...["America/Havana", "America/Sao_Paulo", "Asia/Beirut"],
]
const HOUR = 3_600_000

describe("calendar()", () => {
  it.each(ZONES)(
    "cuts days, weeks, months, quarters and years of %s where Luxon does, across clock changes",
    (zone) => {
      const first = Date.UTC(2017, 8, 1)
      for (const unit of ["day", "week", "month", "quarter", "year"] as const) {
        const windows = calendar(unit, { zone })
        // In thirteen months every clock changes twice; a day is asked for at several hours.
        const stepMs = (unit === "day" ? 17 : 200) * HOUR + 7_777
        for (let timeMs = first; timeMs < first + 400 * 24 * HOUR; timeMs += stepMs) {
          // Of a day whose first midnight comes twice Luxon may take either: the first one is right.
          const wanted = firstOf(DateTime.fromMillis(timeMs, { zone }).startOf(unit))
          const found = windows.startOf(timeMs)
          if (found !== wanted) expect(`${unit} ${new Date(found).toISOString()}`).toBe(new Date(wanted).toISOString())
        }
      }
    },
  )

  it("gives days of 23, 24 and 25 hours where clocks change", () => {
    const days = calendar("day", { zone: "Europe/Berlin" })
    const hoursAt = (iso: string) => {
      const start = days.startOf(Date.parse(iso))
      return (days.endOf(start) - start) / HOUR
    }
    expect(["2024-03-31T12:00Z", "2024-07-01T12:00Z", "2024-10-27T12:00Z"].map(hoursAt)).toEqual([23, 24, 25])
  })

  it("has no window for a date that a zone skipped", () => {
    const days = calendar("day", { zone: "Pacific/Apia" })
    const before = days.startOf(Date.parse("2011-12-30T09:00:00Z"))
    expect(new Date(before).toISOString()).toBe("2011-12-29T10:00:00.000Z")
    expect(new Date(days.endOf(before)).toISOString()).toBe("2011-12-30T10:00:00.000Z")
    expect(days.endOf(days.endOf(before)) - days.endOf(before)).toBe(24 * HOUR)
  })

  it("begins weeks on the day it is told", () => {
    const sunday = calendar("week", { weekStartsOn: 7 })
    expect(new Date(sunday.startOf(Date.parse("2024-07-03T00:00Z"))).toISOString()).toBe("2024-06-30T00:00:00.000Z")
    expect(new Date(calendar("week").startOf(Date.parse("2024-07-07T23:00Z"))).toISOString()).toBe(
      "2024-07-01T00:00:00.000Z",
    )
  })

  it("forgets old boundaries and still knows them", () => {
    const days = calendar("day", { zone: "Asia/Tokyo" })
    for (let day = 0; day < 1_100; day++) expect(days.startOf(day * 24 * HOUR)).toBe(day * 24 * HOUR - 9 * HOUR)
    expect(days.endOf(-9 * HOUR)).toBe(15 * HOUR)
  })
})

/** The first instant that shows the same date and time, and none before it shows the date. */
function firstOf(start: DateTime): number {
  const earlier = start.minus({ hours: 1 })
  return earlier.toISODate() === start.toISODate() ? earlier.toMillis() : start.toMillis()
}
