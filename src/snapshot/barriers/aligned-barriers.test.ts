import { describe, expect, it } from "vitest"
import { AlignedBarriers } from "./aligned-barriers.ts"

const barrier = (checkpointId: number) => ({ checkpointId, bornMs: checkpointId * 100 })
const captured = (checkpointId: number) => ({
  type: "capture",
  checkpointId,
  bornMs: checkpointId * 100,
  channelsToSave: [],
})

describe("AlignedBarriers", () => {
  it("holds back channel 0 until channel 1 delivers its barrier, then captures and lets it go", () => {
    const handler = new AlignedBarriers(2)
    expect(handler.onBarrier(0, barrier(1))).toEqual([{ type: "hold", channel: 0 }])
    expect(handler.pendingId).toBe(1)
    expect(handler.onBarrier(1, barrier(1))).toEqual([
      captured(1),
      { type: "releaseAll" },
      { type: "complete", checkpointId: 1 },
    ])
    expect(handler.pendingId).toBeUndefined()
  })

  it("captures at once with one channel, and holds nothing", () => {
    const handler = new AlignedBarriers(1)
    expect(handler.onBarrier(0, barrier(1))).toEqual([captured(1), { type: "complete", checkpointId: 1 }])
    expect(handler.onBarrier(0, barrier(2))).toEqual([captured(2), { type: "complete", checkpointId: 2 }])
  })

  it("captures when the last channel without a barrier ends", () => {
    const handler = new AlignedBarriers(3)
    handler.onEnd(2)
    handler.onBarrier(0, barrier(1))
    expect(handler.onEnd(1)).toEqual([captured(1), { type: "releaseAll" }, { type: "complete", checkpointId: 1 }])
    expect(handler.onBarrier(0, barrier(2))).toEqual([captured(2), { type: "complete", checkpointId: 2 }])
  })

  it("gives the older checkpoint up for a newer barrier, and ignores the older one's from then on", () => {
    const handler = new AlignedBarriers(2)
    handler.onBarrier(0, barrier(1))
    expect(handler.onBarrier(1, barrier(2))).toEqual([
      { type: "abort", checkpointId: 1, reason: "subsumed" },
      { type: "releaseAll" },
      { type: "hold", channel: 1 },
    ])
    expect(handler.onBarrier(0, barrier(1))).toEqual([])
    expect(handler.onBarrier(0, barrier(2))).toContainEqual(captured(2))
  })

  it("lets channels go at an abort, before, while and after its barriers come", () => {
    const handler = new AlignedBarriers(2)
    expect(handler.onAbort(1)).toEqual([])
    expect(handler.onBarrier(0, barrier(1))).toEqual([])
    handler.onBarrier(0, barrier(2))
    expect(handler.onAbort(1)).toEqual([])
    expect(handler.onAbort(2)).toEqual([{ type: "abort", checkpointId: 2, reason: "aborted" }, { type: "releaseAll" }])
    expect(handler.onBarrier(1, barrier(2))).toEqual([])
    handler.onBarrier(1, barrier(3))
    expect(handler.onAbort(4)).toContainEqual({ type: "abort", checkpointId: 3, reason: "subsumed" })
    handler.onBarrier(0, barrier(5))
    expect(handler.onBarrier(1, barrier(5))).toContainEqual(captured(5))
    expect(handler.onAbort(5)).toEqual([])
  })

  it("refuses a barrier of a held, an ended and an unknown channel", () => {
    const handler = new AlignedBarriers(3)
    handler.onBarrier(0, barrier(1))
    handler.onEnd(1)
    expect(() => handler.onBarrier(0, barrier(2))).toThrow("channel 0 delivered barrier 2 while held")
    expect(() => handler.onBarrier(1, barrier(1))).toThrow("channel 1 of 3 delivered something though it had ended")
    expect(() => handler.onEnd(1)).toThrow("had ended")
    expect(() => handler.onBarrier(3, barrier(1))).toThrow("does not exist")
    expect(() => new AlignedBarriers(0)).toThrow("0 channels")
  })

  it("has no use for announcements and ticks", () => {
    const handler = new AlignedBarriers(2)
    handler.onBarrier(0, barrier(1))
    expect([handler.onAnnouncement(), handler.onTick()]).toEqual([[], []])
    expect(handler.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  })
})
