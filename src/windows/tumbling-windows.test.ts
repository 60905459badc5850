import { describe, expect, it } from "vitest"
import type { Duration } from "../time/index.ts"
import { tumbling } from "./tumbling-windows.ts"

describe("tumbling()", () => {
  it("starts windows at multiples of the size, before 1970 too", () => {
    const windows = tumbling("1h")
    expect(windows.sizeMs).toBe(3_600_000)
    expect(windows.startOf(0)).toBe(0)
    expect(windows.startOf(3_599_999)).toBe(0)
    expect(windows.startOf(3_600_000)).toBe(3_600_000)
    expect(windows.startOf(-1)).toBe(-3_600_000)
    expect(windows.startOf(-3_600_000)).toBe(-3_600_000)
    expect(windows.startOf(-3_600_001)).toBe(-7_200_000)
  })

  it("moves the boundaries by the offset, which may be negative or longer than the size", () => {
    const expected = [-16, -6, 4]
    for (const offset of [4, -6, 14, -16]) {
      const windows = tumbling(10, { offset })
      expect([-7, -6, 13].map((timeMs) => windows.startOf(timeMs))).toEqual(expected)
    }
    const days = tumbling("1d", { offset: "-8h" })
    expect(days.startOf(Date.UTC(2026, 0, 2, 3))).toBe(Date.UTC(2026, 0, 1, 16))
  })

  it("puts a fraction of a ms before a boundary in the window before it", () => {
    const windows = tumbling(60)
    for (const boundary of [60, 60_000, 6e12]) {
      const justBefore = boundary * (1 - Number.EPSILON / 2)
      expect(justBefore).toBeLessThan(boundary)
      expect(windows.startOf(justBefore)).toBe(boundary - 60)
    }
    expect(windows.startOf(-1e-20)).toBe(-60)
  })

  it.each([0, -1, "0s", "-1h", Number.NaN, Number.NEGATIVE_INFINITY])(
    "refuses the size %s with WINDOW_SIZE_INVALID",
    (size) => {
      expect(() => tumbling(size as Duration)).toThrowError(
        expect.objectContaining({ code: "WINDOW_SIZE_INVALID", message: expect.stringMatching(/at least 1 ms/) }),
      )
    },
  )

  it.each(["1 hour", 1.5, Number.POSITIVE_INFINITY, undefined])("refuses the size %s with DURATION_INVALID", (size) => {
    expect(() => tumbling(size as Duration)).toThrowError(expect.objectContaining({ code: "DURATION_INVALID" }))
  })

  it("refuses an offset that is no duration", () => {
    expect(() => tumbling("1h", { offset: "x" as Duration })).toThrowError(/as the offset of tumbling windows/)
  })
})
