/** Bugs of other engines' barriers, by their names there: two channels, one or two barriers. ../barriers tries all orders. */
import { describe, expect, it } from "vitest"
import { type BarrierAction, type BarrierMode, createBarrierHandler } from "../../src/snapshot/index.ts"

const barrier = (checkpointId: number) => ({ checkpointId, bornMs: checkpointId * 100 })
const UNALIGNED: BarrierMode = { kind: "unaligned", timeoutMs: 0 }
const TIMEOUT: BarrierMode = { kind: "unaligned", timeoutMs: 10 }
const types = (actions: readonly BarrierAction[]): string[] => actions.map(({ type }) => type)
const captureOf = (actions: readonly BarrierAction[]) => actions.find(({ type }) => type === "capture")

describe("barriers", () => {
  it("FLINK-17994, FLINK-17869, FLINK-18063: an older checkpoint is not begun after a newer one, nor one that was aborted", () => {
    const handler = createBarrierHandler(UNALIGNED, 2)
    expect(captureOf(handler.onAnnouncement(0, barrier(2), 200))).toMatchObject({ checkpointId: 2 })
    expect([...handler.onAnnouncement(1, barrier(1), 200)]).toEqual([])
    expect([...handler.onBarrier(1, barrier(1), 200)]).toEqual([])
    handler.onAbort(3)
    expect([...handler.onAnnouncement(0, barrier(3), 300)]).toEqual([])
    expect([...handler.onBarrier(0, barrier(3), 300)]).toEqual([])
  })

  it("FLINK-21104: a barrier that is no longer wanted holds no channel, whichever channel it comes on", () => {
    const handler = createBarrierHandler({ kind: "aligned" }, 2)
    expect(types([...handler.onBarrier(0, barrier(1), 100)])).toEqual(["hold"])
    expect(types([...handler.onAbort(1)])).toContain("releaseAll")
    expect([...handler.onBarrier(1, barrier(1), 100)]).toEqual([])
    expect(types([...handler.onBarrier(0, barrier(2), 200)])).toEqual(["hold"])
    expect(types([...handler.onBarrier(1, barrier(2), 200)])).toContain("capture")
  })

  it("FLINK-17568: aligned, a channel is held from its barrier on, and the capture comes with the last one", () => {
    const handler = createBarrierHandler({ kind: "aligned" }, 2)
    expect([...handler.onBarrier(1, barrier(1), 100)]).toEqual([{ type: "hold", channel: 1 }])
    expect(types([...handler.onBarrier(0, barrier(1), 100)])).toEqual(["capture", "releaseAll", "complete"])
  })

  it("FLINK-17564, FLINK-18139: a channel's records are saved until its own barrier comes, each channel's by itself", () => {
    const handler = createBarrierHandler(UNALIGNED, 3)
    expect(captureOf([...handler.onBarrier(1, barrier(1), 100)])).toMatchObject({ channelsToSave: [0, 2] })
    expect([...handler.onBarrier(2, barrier(1), 100)]).toEqual([{ type: "channelDone", channel: 2, checkpointId: 1 }])
    expect(types([...handler.onBarrier(0, barrier(1), 100)])).toEqual(["channelDone", "complete"])
  })

  it("FLINK-18252: a savepoint's barrier overtakes nothing, also where others do", () => {
    const handler = createBarrierHandler(UNALIGNED, 2)
    const aligned = { ...barrier(1), aligned: true }
    expect([...handler.onAnnouncement(0, aligned, 1e9)]).toEqual([])
    expect(types([...handler.onBarrier(0, aligned, 1e9)])).toEqual(["hold"])
    expect(captureOf([...handler.onBarrier(1, aligned, 1e9)])).toMatchObject({ aligned: true, channelsToSave: [] })
  })

  it("FLINK-19681: behind an aligned checkpoint the next one saves the channels whose barrier is to come, and no other", () => {
    const handler = createBarrierHandler(TIMEOUT, 2)
    handler.onBarrier(0, barrier(1), 101)
    expect(captureOf([...handler.onBarrier(1, barrier(1), 102)])).toMatchObject({ channelsToSave: [] })
    handler.onBarrier(0, barrier(2), 205)
    expect(captureOf([...handler.onTick(211)])).toMatchObject({ checkpointId: 2, channelsToSave: [1] })
  })

  it("FLINK-23041: the timeout of alignment counts from the barrier's birth", () => {
    const handler = createBarrierHandler(TIMEOUT, 2)
    expect(captureOf([...handler.onAnnouncement(0, barrier(1), 109)])).toBeUndefined()
    expect(captureOf([...handler.onTick(110)])).toMatchObject({ checkpointId: 1, channelsToSave: [0, 1] })
    const late = createBarrierHandler(TIMEOUT, 2)
    expect(captureOf([...late.onAnnouncement(0, barrier(1), 500)])).toMatchObject({ checkpointId: 1 })
  })

  it("FLINK-24667, FLINK-28474: after a checkpoint that failed the next one completes", () => {
    const handler = createBarrierHandler(UNALIGNED, 2)
    handler.onBarrier(0, barrier(1), 100)
    handler.onAbort(1)
    expect(captureOf([...handler.onBarrier(0, barrier(2), 200)])).toMatchObject({ channelsToSave: [1] })
    expect(types([...handler.onBarrier(1, barrier(2), 200)])).toEqual(["channelDone", "complete"])
    expect(handler.pendingId).toBeUndefined()
  })

  it.each<[string, BarrierMode]>([
    ["aligned", { kind: "aligned" }],
    ["unaligned", UNALIGNED],
    ["at least once", { kind: "at-least-once" }],
  ])("hazelcast-jet #868, #1101, #1435: a channel that has ended is waited for by no checkpoint: %s", (_name, mode) => {
    const handler = createBarrierHandler(mode, 2)
    handler.onEnd(1)
    expect(types([...handler.onBarrier(0, barrier(1), 100)])).toContain("complete")
    const during = createBarrierHandler(mode, 2)
    during.onBarrier(0, barrier(1), 100)
    expect(types([...during.onEnd(1)])).toContain("complete")
  })
})
