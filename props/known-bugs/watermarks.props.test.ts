/** Bugs of other engines' watermarks, by their names there. ../time and ../watermarks draw what these say in one case each. */
import { describe, expect, it } from "vitest"
import { NO_CHANGE, WatermarkMerger } from "../../src/time/index.ts"

function merger(...watermarks: readonly number[]): WatermarkMerger {
  const made = new WatermarkMerger(watermarks.length)
  watermarks.forEach((watermarkMs, channel) => {
    made.observe(channel, watermarkMs)
  })
  return made
}

describe("watermarks", () => {
  it("FLINK-8001: when all inputs are idle the watermark stays where it is", () => {
    const inputs = merger(10, 5)
    expect(inputs.markIdle(1)).toBe(10)
    expect(inputs.markIdle(0)).toBe(NO_CHANGE)
    expect([inputs.combinedMs, inputs.idle]).toEqual([10, true])
  })

  it("FLINK-18934: an input that is idle does not hold the others back", () => {
    const inputs = merger(10, 5)
    inputs.markIdle(1)
    expect(inputs.observe(0, 30)).toBe(30)
  })

  it("FLINK-40475: an input that wakes behind the watermark does not pull it back, and holds it until it has caught up", () => {
    const inputs = merger(10, 5)
    inputs.markIdle(1)
    expect(inputs.observe(1, 7)).toBe(NO_CHANGE)
    expect(inputs.observe(0, 40)).toBe(NO_CHANGE)
    expect(inputs.combinedMs).toBe(10)
    expect(inputs.observe(1, 25)).toBe(25)
  })

  it("FLINK-14239, FLINK-31632: the last watermark comes when every input has ended, and once", () => {
    const inputs = merger(10, 5)
    inputs.markIdle(1)
    expect(inputs.markDone(0)).toBe(NO_CHANGE)
    expect(inputs.markDone(1)).toBe(Number.POSITIVE_INFINITY)
    expect(inputs.done).toBe(true)
  })

  it("hazelcast-jet #1879: an older watermark behind a newer one changes nothing", () => {
    const inputs = merger(10, 20)
    expect(inputs.observe(1, 15)).toBe(NO_CHANGE)
    expect(inputs.observe(0, 30)).toBe(20)
  })
})
