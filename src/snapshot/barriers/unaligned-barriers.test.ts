import { describe, expect, it } from "vitest"
import { UnalignedBarriers } from "./unaligned-barriers.ts"

const barrier = (checkpointId: number) => ({ checkpointId, bornMs: checkpointId * 100 })
const captured = (checkpointId: number, ...channelsToSave: number[]) => ({
  type: "capture",
  checkpointId,
  bornMs: checkpointId * 100,
  channelsToSave,
})
const done = (checkpointId: number, channel: number) => ({ type: "channelDone", checkpointId, channel })
const complete = (checkpointId: number) => ({ type: "complete", checkpointId })

describe("UnalignedBarriers, from the start", () => {
  it("captures at the first announcement, saves every channel, and is complete when the barrier is known in all", () => {
    const handler = new UnalignedBarriers(3, { timeoutMs: 0 })
    expect(handler.onAnnouncement(1, barrier(1), 100)).toEqual([captured(1, 0, 1, 2), done(1, 1)])
    expect(handler.onBarrier(0, barrier(1), 101)).toEqual([done(1, 0)])
    expect(handler.onBarrier(1, barrier(1), 101)).toEqual([])
    expect(handler.pendingId).toBe(1)
    expect(handler.onEnd(2)).toEqual([done(1, 2), complete(1)])
    expect(handler.pendingId).toBeUndefined()
  })

  it("captures at the first barrier taken, and does not save that channel", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 0 })
    expect(handler.onBarrier(0, barrier(1), 100)).toEqual([captured(1, 1)])
    expect(handler.onAnnouncement(1, barrier(1), 100)).toEqual([done(1, 1), complete(1)])
    expect(handler.onBarrier(1, barrier(1), 100)).toEqual([])
  })

  it("captures even when its clock is behind the coordinator's", () => {
    expect(new UnalignedBarriers(1, { timeoutMs: 0 }).onAnnouncement(0, barrier(1), 50)).toEqual([
      captured(1, 0),
      done(1, 0),
      complete(1),
    ])
  })

  it("drops what it saves at an abort and at a newer barrier, while older barriers are still queued", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 0 })
    handler.onAnnouncement(0, barrier(1), 100)
    expect(handler.onAbort(1)).toEqual([{ type: "abort", checkpointId: 1, reason: "aborted" }])
    expect(handler.onAnnouncement(1, barrier(1), 100)).toEqual([])
    handler.onAnnouncement(1, barrier(2), 200)
    expect(handler.onBarrier(0, barrier(1), 200)).toEqual([])
    expect(handler.onAnnouncement(0, barrier(3), 300)).toEqual([
      { type: "abort", checkpointId: 2, reason: "subsumed" },
      captured(3, 0, 1),
      done(3, 0),
    ])
    expect(handler.onBarrier(1, barrier(2), 300)).toEqual([])
    expect(handler.onBarrier(1, barrier(3), 300)).toEqual([done(3, 1), complete(3)])
  })

  it("aligns a barrier that asks for it", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 0 })
    const aligned = { ...barrier(1), aligned: true }
    expect(handler.onAnnouncement(0, aligned, 100)).toEqual([])
    expect(handler.onBarrier(0, aligned, 1e9)).toEqual([{ type: "hold", channel: 0 }])
    expect([handler.onTick(1e9), handler.deadlineMs]).toEqual([[], Number.POSITIVE_INFINITY])
    expect(handler.onBarrier(1, aligned, 1e9)).toEqual([
      { ...captured(1), aligned: true },
      { type: "releaseAll" },
      complete(1),
    ])
  })
})

describe("UnalignedBarriers, with a timeout", () => {
  it("is aligned while the time is not out", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 10 })
    expect(handler.onAnnouncement(1, barrier(1), 101)).toEqual([])
    expect(handler.deadlineMs).toBe(110)
    expect(handler.onBarrier(0, barrier(1), 109)).toEqual([{ type: "hold", channel: 0 }])
    expect(handler.onTick(109)).toEqual([])
    expect(handler.onBarrier(1, barrier(1), 109)).toEqual([captured(1), { type: "releaseAll" }, complete(1)])
    expect(handler.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  })

  it("turns unaligned by the clock: saves the channels it waits for, and lets the held ones go", () => {
    const handler = new UnalignedBarriers(3, { timeoutMs: 10 })
    handler.onBarrier(0, barrier(1), 105)
    handler.onAnnouncement(1, barrier(1), 105)
    expect(handler.onTick(110)).toEqual([captured(1, 1, 2), { type: "releaseAll" }, done(1, 1)])
    expect(handler.deadlineMs).toBe(Number.POSITIVE_INFINITY)
    expect(handler.onBarrier(2, barrier(1), 120)).toEqual([done(1, 2), complete(1)])
  })

  it("does not hold the channel whose barrier comes when the time is out, counted from the barrier's birth", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 10 })
    expect(handler.onBarrier(0, barrier(1), 110)).toEqual([captured(1, 1)])
  })

  it("passes over an announcement noticed after its barrier was taken", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 10 })
    handler.onBarrier(0, barrier(1), 100)
    expect(handler.onAnnouncement(0, barrier(1), 100)).toEqual([])
    expect(handler.onBarrier(1, barrier(1), 100)).toEqual([captured(1), { type: "releaseAll" }, complete(1)])
  })

  it("lets a held channel go at an abort", () => {
    const handler = new UnalignedBarriers(2, { timeoutMs: 10 })
    handler.onBarrier(0, barrier(1), 100)
    expect(handler.onAbort(1)).toEqual([{ type: "abort", checkpointId: 1, reason: "aborted" }, { type: "releaseAll" }])
    expect(handler.onBarrier(0, barrier(2), 200)).toEqual([{ type: "hold", channel: 0 }])
    expect(() => handler.onBarrier(0, barrier(3), 300)).toThrow("channel 0 delivered barrier 3 while held")
  })
})
