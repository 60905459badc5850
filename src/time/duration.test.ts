import { describe, expect, it } from "vitest"
import { type Duration, durationMs, signedDurationMs } from "./duration.ts"

describe("durationMs()", () => {
  it.each<[Duration, number]>([
    [0, 0],
    [5000, 5000],
    ["250ms", 250],
    ["5s", 5_000],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
    ["1.5h", 5_400_000],
    ["0.5s", 500],
    ["1.1h", 3_960_000],
    ["0.1d", 8_640_000],
    ["+3s", 3_000],
  ])("reads %s as %d ms", (given, ms) => {
    expect(durationMs(given, "a test")).toBe(ms)
  })

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    1.5,
    2 ** 60,
    "-1s",
    "1.5ms",
    "0.0001s",
    "5",
    "5 s",
    "s",
    "",
    "1e3s",
    "0x10s",
    "5sec",
    "99999999999999d",
    null,
    undefined,
    {},
  ])("refuses %s with DURATION_INVALID, the option and the allowed units", (given) => {
    expect(() => durationMs(given as Duration, "outOfOrder of the source")).toThrowError(
      expect.objectContaining({
        code: "DURATION_INVALID",
        message: expect.stringMatching(/as outOfOrder of the source: .*ms, s, m, h, d/),
      }),
    )
  })
})

describe("signedDurationMs()", () => {
  it("allows a duration before zero", () => {
    expect(signedDurationMs("-8h", "an offset")).toBe(-28_800_000)
    expect(signedDurationMs(-1, "an offset")).toBe(-1)
  })

  it("gives 0 for -0", () => {
    expect(Object.is(signedDurationMs(-0, "an offset"), 0)).toBe(true)
    expect(Object.is(signedDurationMs("-0s", "an offset"), 0)).toBe(true)
  })
})
