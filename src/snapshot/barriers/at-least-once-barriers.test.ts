import { describe, expect, it } from "vitest"
import { AtLeastOnceBarriers } from "./at-least-once-barriers.ts"

const barrier = (checkpointId: number) => ({ checkpointId, bornMs: checkpointId * 100 })
const captured = (checkpointId: number) => [
  { type: "capture", checkpointId, bornMs: checkpointId * 100, channelsToSave: [] },
  { type: "complete", checkpointId },
]

describe("AtLeastOnceBarriers", () => {
  it("captures when all channels have delivered the barrier, and holds none", () => {
    const handler = new AtLeastOnceBarriers(2)
    expect(handler.onBarrier(0, barrier(1))).toEqual([])
    expect(handler.pendingId).toBe(1)
    expect(handler.onBarrier(1, barrier(1))).toEqual(captured(1))
    expect(handler.pendingId).toBeUndefined()
  })

  it("lets a fast channel be a checkpoint ahead of a slow one", () => {
    const handler = new AtLeastOnceBarriers(2)
    handler.onBarrier(0, barrier(1))
    handler.onBarrier(0, barrier(2))
    expect(handler.onBarrier(1, barrier(1))).toEqual(captured(1))
    expect(handler.onBarrier(1, barrier(2))).toEqual(captured(2))
  })

  it("gives up a checkpoint that a channel passed by", () => {
    const handler = new AtLeastOnceBarriers(2)
    handler.onBarrier(0, barrier(1))
    expect(handler.onBarrier(1, barrier(2))).toEqual([{ type: "abort", checkpointId: 1, reason: "subsumed" }])
    expect(handler.onBarrier(0, barrier(2))).toEqual(captured(2))
  })

  it("captures the newest of the checkpoints that one end completes", () => {
    const handler = new AtLeastOnceBarriers(2)
    handler.onBarrier(0, barrier(1))
    handler.onBarrier(0, barrier(2))
    expect(handler.onEnd(1)).toEqual([{ type: "abort", checkpointId: 1, reason: "subsumed" }, ...captured(2)])
    expect(handler.onBarrier(0, barrier(3))).toEqual(captured(3))
  })

  it("does not count a barrier twice", () => {
    const handler = new AtLeastOnceBarriers(2)
    handler.onBarrier(0, barrier(1))
    expect(handler.onBarrier(0, barrier(1))).toEqual([])
    expect(handler.onBarrier(1, barrier(1))).toEqual(captured(1))
    expect(handler.onBarrier(1, barrier(1))).toEqual([])
  })

  it("forgets what was aborted, and what is older, and completes the next", () => {
    const handler = new AtLeastOnceBarriers(2)
    handler.onBarrier(0, barrier(1))
    handler.onBarrier(0, barrier(2))
    expect(handler.onAbort(2)).toEqual([
      { type: "abort", checkpointId: 1, reason: "subsumed" },
      { type: "abort", checkpointId: 2, reason: "aborted" },
    ])
    expect([...handler.onBarrier(1, barrier(1)), ...handler.onBarrier(1, barrier(2))]).toEqual([])
    handler.onBarrier(1, barrier(3))
    expect(handler.onBarrier(0, barrier(3))).toEqual(captured(3))
  })

  it("counts eight checkpoints at a time: the oldest goes", () => {
    const handler = new AtLeastOnceBarriers(2)
    for (let id = 1; id <= 8; id++) expect(handler.onBarrier(0, barrier(id))).toEqual([])
    expect(handler.onBarrier(0, barrier(9))).toEqual([{ type: "abort", checkpointId: 1, reason: "too many pending" }])
    expect(handler.onBarrier(1, barrier(1))).toEqual([])
    expect(handler.onBarrier(1, barrier(2))).toEqual(captured(2))
  })
})
