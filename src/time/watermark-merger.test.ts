import { describe, expect, it } from "vitest"
import { NO_CHANGE, WatermarkMerger } from "./watermark-merger.ts"

const END = Number.POSITIVE_INFINITY

describe("WatermarkMerger", () => {
  it("answers the minimum once every channel has a watermark", () => {
    const merger = new WatermarkMerger(3)
    expect(merger.observe(0, 10)).toBe(NO_CHANGE)
    expect(merger.observe(1, 20)).toBe(NO_CHANGE)
    expect(merger.combinedMs).toBe(Number.NEGATIVE_INFINITY)
    expect(merger.observe(2, 5)).toBe(5)
    expect(merger.observe(2, 15)).toBe(10)
    expect(merger.observe(1, 30)).toBe(NO_CHANGE)
    expect(merger.observe(0, 40)).toBe(15)
    expect(merger.combinedMs).toBe(15)
  })

  it("passes over a channel's watermark that goes back or is NaN", () => {
    const merger = new WatermarkMerger(1)
    expect(merger.observe(0, 10)).toBe(10)
    expect(merger.observe(0, 10)).toBe(NO_CHANGE)
    expect(merger.observe(0, 3)).toBe(NO_CHANGE)
    expect(merger.observe(0, Number.NaN)).toBe(NO_CHANGE)
    expect(merger.combinedMs).toBe(10)
  })

  it("goes on without a channel that is idle", () => {
    const merger = new WatermarkMerger(2)
    merger.observe(0, 10)
    expect(merger.markIdle(1)).toBe(10)
    expect(merger.markIdle(1)).toBe(NO_CHANGE)
    expect(merger.observe(0, 20)).toBe(20)
    expect(merger.idle).toBe(false)
  })

  it("holds, and does not go back, while an idle channel that woke up behind catches up", () => {
    const merger = new WatermarkMerger(2)
    merger.observe(1, 3)
    merger.markIdle(1)
    expect(merger.observe(0, 10)).toBe(10)
    merger.markActive(1)
    expect(merger.observe(0, 20)).toBe(NO_CHANGE)
    expect(merger.observe(1, 9)).toBe(NO_CHANGE)
    expect(merger.combinedMs).toBe(10)
    expect(merger.observe(1, 15)).toBe(15)
  })

  it("counts an idle channel again when it sends a watermark", () => {
    const merger = new WatermarkMerger(2)
    merger.markIdle(1)
    expect(merger.observe(1, 4)).toBe(NO_CHANGE)
    expect(merger.observe(0, 9)).toBe(4)
  })

  it("holds and is idle when no channel is active, and is so no longer once one wakes up", () => {
    const merger = new WatermarkMerger(2)
    merger.observe(0, 10)
    merger.observe(1, 20)
    expect(merger.markIdle(0)).toBe(20)
    expect(merger.idle).toBe(false)
    expect(merger.markIdle(1)).toBe(NO_CHANGE)
    expect(merger.idle).toBe(true)
    expect(merger.combinedMs).toBe(20)
    merger.markActive(0)
    expect(merger.idle).toBe(false)
    expect(merger.combinedMs).toBe(20)
  })

  // Found by props/time.props.test.ts: what held channel 0 back ends while channel 0 is idle.
  it.each(["data", "watermark"])(
    "goes on to a channel's old watermark when it wakes up, by %s, and nothing else holds back",
    (by) => {
      const merger = new WatermarkMerger(2)
      merger.observe(0, 5)
      merger.markIdle(0)
      expect(merger.markDone(1)).toBe(NO_CHANGE)
      expect(merger.idle).toBe(true)
      expect(by === "data" ? merger.markActive(0) : merger.observe(0, 5)).toBe(5)
      expect(merger.combinedMs).toBe(5)
    },
  )

  it("becomes idle when its last active channel is done while another is idle", () => {
    const merger = new WatermarkMerger(2)
    merger.markIdle(0)
    expect(merger.observe(1, 7)).toBe(7)
    expect(merger.markDone(1)).toBe(NO_CHANGE)
    expect(merger.idle).toBe(true)
    expect(merger.markDone(0)).toBe(END)
    expect(merger.idle).toBe(false)
  })

  it("answers +Infinity for the last channel that is done, and only then", () => {
    const merger = new WatermarkMerger(2)
    expect(merger.markDone(0)).toBe(NO_CHANGE)
    expect(merger.done).toBe(false)
    expect(merger.observe(1, 5)).toBe(5)
    expect(merger.markDone(1)).toBe(END)
    expect(merger.done).toBe(true)
    expect(merger.combinedMs).toBe(END)
  })

  it("does not answer +Infinity twice when a channel said it as a watermark before it was done", () => {
    const merger = new WatermarkMerger(1)
    expect(merger.observe(0, END)).toBe(END)
    expect(merger.markDone(0)).toBe(NO_CHANGE)
  })

  it("holds back for an added channel without going back, and reuses the place of one that is done", () => {
    const merger = new WatermarkMerger(2)
    merger.observe(0, 10)
    merger.observe(1, 10)
    expect(merger.addChannel()).toBe(2)
    expect(merger.observe(0, 30)).toBe(NO_CHANGE)
    expect(merger.observe(2, 5)).toBe(NO_CHANGE)
    expect(merger.combinedMs).toBe(10)
    merger.markDone(1)
    expect(merger.observe(2, 12)).toBe(12)
    expect(merger.addChannel()).toBe(1)
    expect(merger.observe(2, 50)).toBe(NO_CHANGE)
    expect(merger.observe(1, 20)).toBe(20)
  })

  it("with no channel yet is neither idle nor done", () => {
    const merger = new WatermarkMerger(0)
    expect(merger.idle).toBe(false)
    expect(merger.done).toBe(false)
    expect(merger.addChannel()).toBe(0)
  })

  it("refuses anything from a channel that is done or unknown, and channels after the end", () => {
    const merger = new WatermarkMerger(1)
    expect(() => merger.observe(1, 5)).toThrowError(/channel 1 of 1 .* unknown/)
    merger.markDone(0)
    expect(() => merger.observe(0, 5)).toThrowError(/channel 0 of 1 .* done/)
    expect(() => merger.markDone(0)).toThrowError(/done/)
    expect(() => merger.markIdle(0)).toThrowError(/done/)
    expect(() => merger.addChannel()).toThrowError(/after all of its channels were done/)
  })
})
