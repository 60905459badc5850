import { describe, expect, it } from "vitest"
import { jobOptions } from "./job-options.ts"

describe("jobOptions()", () => {
  it("is empty when nothing was given", () => {
    expect(jobOptions({})).toEqual({})
  })

  it("takes over numbers, settings by operator id and params as text", () => {
    const values = {
      workers: 0,
      parallelism: 3,
      "max-heap-mb": 256,
      "young-generation-mb": 12,
      set: [
        ["window-1.parallelism", "4"],
        ["by.airport.parallelism", "2"],
      ],
      param: [
        ["limit", "10"],
        ["input", "a.csv"],
      ],
    } as const
    expect(jobOptions(values)).toEqual({
      workers: 0,
      parallelism: 3,
      maxHeapMb: 256,
      youngGenerationMb: 12,
      set: { "window-1": { parallelism: 4 }, "by.airport": { parallelism: 2 } },
      params: { limit: "10", input: "a.csv" },
    })
  })

  it.each([
    ["window-1", "4", "--set window-1.parallelism=4"],
    ["window-1.paralellism", "4", "did you mean window-1.parallelism?"],
    ["window-1.colour", "4", "an operator has parallelism"],
    ["window-1.parallelism", "0", "give a whole number of at least 1"],
    ["window-1.parallelism", "many", "give a whole number of at least 1"],
  ])("refuses --set %s=%s", (path, text, remedy) => {
    expect(() => jobOptions({ set: [[path, text]] })).toThrowError(
      expect.objectContaining({ code: "CLI_OPTION_INVALID", message: expect.stringContaining(remedy) }),
    )
  })
})
