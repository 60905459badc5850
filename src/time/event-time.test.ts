import { describe, expect, it, test } from "vitest"
import { badTime, eventTimeMs, watermarkMsOf } from "./event-time.ts"

describe("eventTimeMs()", () => {
  it.each([
    [0, 0],
    [-7, -7],
    [1.9, 1],
    [-1.1, -2],
    [8.64e15, 8.64e15],
    [new Date(5), 5],
    ["2024-05-01T12:00:00Z", Date.UTC(2024, 4, 1, 12)],
    ["2024-05-01T14:00:00+02:00", Date.UTC(2024, 4, 1, 12)],
    ["2024-05-01T12:00:00.250z", Date.UTC(2024, 4, 1, 12, 0, 0, 250)],
    ["2024-05-01 12:00Z", Date.UTC(2024, 4, 1, 12)],
    ["2024-05-01", Date.UTC(2024, 4, 1)],
    ["+012024-05-01", Date.UTC(12024, 4, 1)],
  ])("takes %o as %d", (given, expected) => {
    expect(eventTimeMs(given)).toBe(expected)
  })

  it.each([
    [undefined, "EVENT_TIME_MISSING", "undefined"],
    [null, "EVENT_TIME_MISSING", "null"],
    [Number.NaN, "EVENT_TIME_INVALID", "no moment"],
    [Number.POSITIVE_INFINITY, "EVENT_TIME_INVALID", "no moment"],
    [1.7e18, "EVENT_TIME_INVALID", "nanoseconds by 1e6"],
    [12n, "EVENT_TIME_INVALID", "a bigint"],
    [new Date(Number.NaN), "EVENT_TIME_INVALID", "an invalid Date"],
    ["2024-05-01T12:00:00", "EVENT_TIME_INVALID", "names no time zone"],
    ["1 May 2024", "EVENT_TIME_INVALID", "no text of ISO 8601"],
    ["2024-13-01", "EVENT_TIME_INVALID", "no text of ISO 8601"],
    ["", "EVENT_TIME_INVALID", "no text of ISO 8601"],
    ["1714564800000", "EVENT_TIME_INVALID", "no text of ISO 8601"],
    [{}, "EVENT_TIME_INVALID", "epoch milliseconds"],
    [true, "EVENT_TIME_INVALID", "epoch milliseconds"],
  ])("refuses %o with %s", (given, code, text) => {
    expect(eventTimeMs(given)).toBeNaN()
    expect(badTime(given).code).toBe(code)
    expect(badTime(given).reason).toContain(text)
  })
})

test("watermarkMsOf() refuses what is no time, and names who answered it", () => {
  expect(watermarkMsOf(new Date(3), "onTick")).toBe(3)
  expect(() => watermarkMsOf(Number.POSITIVE_INFINITY, "onTick")).toThrow(
    expect.objectContaining({ code: "WATERMARK_INVALID", message: expect.stringContaining("onTick") }),
  )
})
