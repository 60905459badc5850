import { describe, expect, it } from "vitest"
import { BoundedWatermarks, createSplitWatermarks, NO_PROGRESS, type WatermarkGenerator } from "./split-watermarks.ts"

const START = Number.NEGATIVE_INFINITY

describe("BoundedWatermarks", () => {
  it("is at -Infinity before the first record", () => {
    expect(new BoundedWatermarks(10).watermarkMs).toBe(START)
  })

  it("leaves room for records that repeat the time newest - bound", () => {
    const watermarks = new BoundedWatermarks(10)
    watermarks.observe(undefined, 100)
    expect(watermarks.watermarkMs).toBe(89)
    const ascending = new BoundedWatermarks(0)
    ascending.observe(undefined, 100)
    expect(ascending.watermarkMs).toBe(99)
  })

  it("does not go back for records behind the newest, and goes on from a checkpoint", () => {
    const watermarks = new BoundedWatermarks(10)
    for (const timeMs of [100, 50, -7]) watermarks.observe(undefined, timeMs)
    expect(watermarks.watermarkMs).toBe(89)
    const restored = createSplitWatermarks({ kind: "bounded", boundMs: 10 }, watermarks.capture())
    expect(restored.watermarkMs).toBe(89)
    expect(restored.newestMs).toBe(100)
  })
})

describe("a generator of the user's", () => {
  const generated = (generator: WatermarkGenerator<unknown>, from = NO_PROGRESS) =>
    createSplitWatermarks({ kind: "generator", create: () => generator }, from)

  it("announces watermarks by records; one that goes back, or none, changes nothing", () => {
    const watermarks = generated({ onRecord: (value) => (value as { mark?: number }).mark })
    watermarks.observe({}, 5)
    expect(watermarks.watermarkMs).toBe(START)
    watermarks.observe({ mark: 40 }, 50)
    watermarks.observe({ mark: 30 }, 60)
    watermarks.observe({}, 70)
    expect(watermarks.watermarkMs).toBe(40)
    expect(watermarks.newestMs).toBe(70)
  })

  it("is asked when time passes", () => {
    const watermarks = generated({ onTick: (nowMs) => new Date(nowMs - 100) })
    watermarks.observe({}, 5)
    watermarks.tick(1000)
    expect(watermarks.watermarkMs).toBe(900)
  })

  it("goes on from what it captured", () => {
    const make = (): WatermarkGenerator<unknown> => {
      let newest = 0
      return {
        onRecord: (_value, timeMs) => {
          newest = Math.max(newest, timeMs)
          return undefined
        },
        onTick: () => newest - 1,
        capture: () => ({ newest }),
        restore: (state: { newest: number }) => {
          newest = state.newest
        },
      }
    }
    const first = generated(make())
    first.observe({}, 70)
    first.tick(0)
    const progress = first.capture()
    expect(progress).toEqual({ newestMs: 70, generator: { watermarkMs: 69, state: { newest: 70 } } })
    const second = generated(make(), progress)
    expect(second.watermarkMs).toBe(69)
    second.observe({}, 10)
    second.tick(0)
    expect(second.watermarkMs).toBe(69)
  })

  it("fails with WATERMARK_INVALID when it answers no time", () => {
    const watermarks = generated({ onRecord: () => Number.NaN })
    expect(() => watermarks.observe({}, 1)).toThrow(expect.objectContaining({ code: "WATERMARK_INVALID" }))
  })
})
