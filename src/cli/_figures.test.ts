import { expect, it } from "vitest"
import { percent, shortBytes, shortCount, shortDuration, wholeCount } from "./_figures.ts"

it.each([
  [0, "0"],
  [999, "999"],
  [9_999, "9,999"],
  [9_999.7, "10.0 k"],
  [12_345, "12.3 k"],
  [123_456, "123 k"],
  [999_499, "999 k"],
  [999_950, "1.00 M"],
  [4_567_000, "4.57 M"],
  [12_000_000_000, "12.0 G"],
  [Number.POSITIVE_INFINITY, "-"],
])("shortCount(%d) is %s", (count, text) => {
  expect(shortCount(count)).toBe(text)
})

it.each([
  [0, "0ms"],
  [999.4, "999ms"],
  [999.6, "1.0s"],
  [59_940, "59.9s"],
  [59_960, "1m 00s"],
  [3_599_600, "1h 00m"],
  [7_380_000, "2h 03m"],
  [273_600_000, "3d 04h"],
  [Number.POSITIVE_INFINITY, "-"],
])("shortDuration(%d) is %s", (ms, text) => {
  expect(shortDuration(ms)).toBe(text)
})

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [10_200, "10 KiB"],
  [1_048_500, "1.0 MiB"],
  [5 * 1024 ** 4, "5.0 TiB"],
  [Number.NaN, "-"],
])("shortBytes(%d) is %s", (bytes, text) => {
  expect(shortBytes(bytes)).toBe(text)
})

it("wholeCount() separates thousands", () => {
  expect(wholeCount(1_234_567)).toBe("1,234,567")
})

it("percent() stays within 0 and 100", () => {
  expect([percent(0.126), percent(1.02), percent(-0.1), percent(Number.NaN)]).toEqual(["13%", "100%", "0%", "-"])
})
