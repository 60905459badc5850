import { describe, expect, it } from "vitest"
import { CheckpointCoordinator, type CheckpointCoordinatorOptions } from "./coordinator.ts"

const SOURCE = { vertex: "flights", subtask: 0 }
const SINK = { vertex: "out", subtask: 0 }

function newCoordinator(options: Partial<CheckpointCoordinatorOptions> = {}) {
  return new CheckpointCoordinator<string>({
    subtasks: [
      { ...SOURCE, isSource: true },
      { ...SINK, isSource: false },
    ],
    attempt: 1,
    startedMs: 0,
    intervalMs: 100,
    timeoutMs: 50,
    ...options,
  })
}

/** Both subtasks acknowledge. @returns the actions of the second ack */
function ackAll(coordinator: CheckpointCoordinator<string>, checkpointId: number) {
  coordinator.onAck({ ...SOURCE, checkpointId, attempt: 1, payload: `source ${checkpointId}` })
  return coordinator.onAck({ ...SINK, checkpointId, attempt: 1, payload: `sink ${checkpointId}` })
}

const types = (actions: readonly { readonly type: string }[]) => actions.map(({ type }) => type)

describe("CheckpointCoordinator", () => {
  it("triggers the sources, gathers all parts, publishes, completes", () => {
    const coordinator = newCoordinator({ firstCheckpointId: 7 })
    expect(coordinator.nextDeadlineMs()).toBe(100)
    expect(coordinator.onTick(99)).toEqual([])
    expect(coordinator.onTick(103)).toEqual([
      { type: "trigger", checkpointId: 7, bornMs: 103, kind: "periodic", sources: [SOURCE], last: false },
    ])
    expect(coordinator.nextDeadlineMs()).toBe(153)
    expect(coordinator.progress).toEqual({
      phase: "collecting",
      checkpointId: 7,
      kind: "periodic",
      startedMs: 103,
      missing: [SOURCE, SINK],
    })
    expect(ackAll(coordinator, 7)).toEqual([
      {
        type: "publish",
        checkpointId: 7,
        kind: "periodic",
        acks: [
          { ...SOURCE, payload: "source 7", finished: false },
          { ...SINK, payload: "sink 7", finished: false },
        ],
      },
    ])
    expect(coordinator.onTick(190)).toEqual([])
    expect(coordinator.onPublished({ checkpointId: 7, sizeBytes: 4_096, nowMs: 190 })).toEqual([
      { type: "complete", checkpointId: 7, kind: "periodic" },
    ])
    expect(coordinator.statistics).toEqual({
      completed: 1,
      failed: 0,
      failedInARow: 0,
      lastCompletedId: 7,
      lastDurationMs: 87,
      lastSizeBytes: 4_096,
    })
    expect([coordinator.nextDeadlineMs(), coordinator.nextCheckpointId]).toEqual([203, 8])
  })

  it("counts the interval from the start and the pause from the end", () => {
    const coordinator = newCoordinator({ timeoutMs: 1_000, minPauseMs: 30 })
    coordinator.onTick(100)
    ackAll(coordinator, 1)
    coordinator.onPublished({ checkpointId: 1, sizeBytes: 0, nowMs: 110 })
    expect(coordinator.nextDeadlineMs()).toBe(200)
    coordinator.onTick(200)
    ackAll(coordinator, 2)
    coordinator.onPublished({ checkpointId: 2, sizeBytes: 0, nowMs: 295 })
    expect(coordinator.nextDeadlineMs()).toBe(325)
  })

  it("aborts what is not there in time, names who is missing, and ignores what comes late", () => {
    const coordinator = newCoordinator()
    coordinator.onTick(100)
    coordinator.onAck({ ...SOURCE, checkpointId: 1, attempt: 1, payload: "source" })
    const [abort] = coordinator.onTick(150)
    expect(abort).toMatchObject({ type: "abort", checkpointId: 1, kind: "periodic" })
    expect(abort?.type === "abort" && abort.reason).toMatchObject({
      code: "CHECKPOINT_TIMEOUT",
      retriable: true,
      message:
        "Cannot complete checkpoint 1 within 50 ms: no answer from out/0; check these for back-pressure or raise the checkpoint timeout",
      details: { checkpointId: 1, timeoutMs: 50, missing: ["out/0"] },
    })
    expect(coordinator.onAck({ ...SINK, checkpointId: 1, attempt: 1, payload: "late" })).toEqual([])
    expect(coordinator.statistics).toMatchObject({ completed: 0, failed: 1, failedInARow: 1 })
    expect(types(coordinator.onTick(200))).toEqual(["trigger"])
    expect(types(ackAll(coordinator, 2))).toEqual(["publish"])
  })

  it("ignores acks of another attempt, of another checkpoint, and repeated ones", () => {
    const coordinator = newCoordinator()
    coordinator.onTick(100)
    coordinator.onAck({ ...SOURCE, checkpointId: 1, attempt: 1, payload: "first" })
    coordinator.onAck({ ...SOURCE, checkpointId: 1, attempt: 1, payload: "again" })
    coordinator.onAck({ ...SINK, checkpointId: 1, attempt: 0, payload: "foreign" })
    coordinator.onAck({ ...SINK, checkpointId: 2, attempt: 1, payload: "from the future" })
    expect(coordinator.progress.missing).toEqual([SINK])
    const [publish] = coordinator.onAck({ ...SINK, checkpointId: 1, attempt: 1, payload: "sink" })
    expect(publish?.type === "publish" && publish.acks.map(({ payload }) => payload)).toEqual(["first", "sink"])
  })

  it("aborts at a decline, and says whose", () => {
    const coordinator = newCoordinator()
    coordinator.onTick(100)
    const decline = { ...SINK, checkpointId: 1, attempt: 1, reason: "disk full", nowMs: 110 }
    expect(coordinator.onDecline({ ...decline, attempt: 0 })).toEqual([])
    const [abort] = coordinator.onDecline(decline)
    expect(abort?.type === "abort" && abort.reason.message).toBe(
      "Cannot complete checkpoint 1: out/0 could not take its part: disk full; the next checkpoint is tried as usual",
    )
    expect(coordinator.onDecline(decline)).toEqual([])
  })

  it("takes the final state of a source that finishes between trigger and barrier", () => {
    const coordinator = newCoordinator()
    coordinator.onTick(100)
    coordinator.onAck({ ...SINK, checkpointId: 1, attempt: 1, payload: "sink" })
    const [publish] = coordinator.onSubtaskFinished({ ...SOURCE, attempt: 1, payload: "all read" })
    expect(publish?.type === "publish" && publish.acks).toEqual([
      { ...SOURCE, payload: "all read", finished: true },
      { ...SINK, payload: "sink", finished: false },
    ])
  })

  it("takes the state at the barrier of a subtask that acknowledged and then finished", () => {
    const coordinator = newCoordinator()
    coordinator.onTick(100)
    coordinator.onAck({ ...SOURCE, checkpointId: 1, attempt: 1, payload: "at the barrier" })
    coordinator.onSubtaskFinished({ ...SOURCE, attempt: 1, payload: "all read" })
    const [publish] = coordinator.onAck({ ...SINK, checkpointId: 1, attempt: 1, payload: "sink" })
    expect(publish?.type === "publish" && publish.acks[0]).toMatchObject({ payload: "at the barrier", finished: false })
  })

  it("begins no periodic checkpoint without a running source, and the final one with whoever runs", () => {
    const coordinator = newCoordinator()
    coordinator.onSubtaskFinished({ ...SOURCE, attempt: 1, payload: "all read" })
    expect([coordinator.nextDeadlineMs(), coordinator.onTick(1_000)]).toEqual([Number.POSITIVE_INFINITY, []])
    expect(coordinator.requestFinal(1_000)).toMatchObject([{ type: "trigger", kind: "final", sources: [] }])
    expect(types(coordinator.onSubtaskFinished({ ...SINK, attempt: 1, payload: "all written" }))).toEqual(["publish"])
    expect(types(coordinator.onPublished({ checkpointId: 1, sizeBytes: 0, nowMs: 1_001 }))).toEqual(["complete"])
    expect([coordinator.progress.phase, coordinator.requestSavepoint(2_000)]).toEqual(["stopped", []])
  })

  it("publishes the final checkpoint at once when all have finished, and tries again after a pause when that fails", () => {
    const coordinator = newCoordinator()
    coordinator.onSubtaskFinished({ ...SOURCE, attempt: 1, payload: "all read" })
    coordinator.onSubtaskFinished({ ...SINK, attempt: 1, payload: "all written" })
    expect(types(coordinator.requestFinal(10))).toEqual(["trigger", "publish"])
    const [abort] = coordinator.onPublishFailed({ checkpointId: 1, error: new Error("ENOSPC"), nowMs: 20 })
    expect(abort).toMatchObject({ type: "abort", kind: "final", reason: { code: "CHECKPOINT_PUBLISH_FAILED" } })
    expect([coordinator.nextDeadlineMs(), coordinator.onTick(1_019)]).toEqual([1_020, []])
    expect(types(coordinator.onTick(1_020))).toEqual(["trigger", "publish"])
    expect(types(coordinator.onPublished({ checkpointId: 2, sizeBytes: 0, nowMs: 1_030 }))).toEqual(["complete"])
  })

  it("begins savepoints ahead of the final and of periodic checkpoints, one for each that was asked for", () => {
    const coordinator = newCoordinator({ timeoutMs: 1_000 })
    coordinator.onTick(100)
    expect([...coordinator.requestFinal(101), ...coordinator.requestSavepoint(102)]).toEqual([])
    coordinator.requestSavepoint(103)
    ackAll(coordinator, 1)
    expect(coordinator.onPublished({ checkpointId: 1, sizeBytes: 0, nowMs: 300 })).toMatchObject([
      { type: "complete", checkpointId: 1 },
      { type: "trigger", checkpointId: 2, kind: "savepoint", bornMs: 300 },
    ])
    ackAll(coordinator, 2)
    // Nothing failed, so the final one waits for no pause.
    expect(coordinator.onPublished({ checkpointId: 2, sizeBytes: 0, nowMs: 310 })).toMatchObject([
      { type: "complete", checkpointId: 2 },
      { type: "trigger", checkpointId: 3, kind: "savepoint" },
    ])
    ackAll(coordinator, 3)
    expect(coordinator.onPublished({ checkpointId: 3, sizeBytes: 0, nowMs: 320 })).toMatchObject([
      { type: "complete", checkpointId: 3 },
      { type: "trigger", checkpointId: 4, kind: "final" },
    ])
  })

  it("begins nothing after a savepoint that was to be the last, and goes on when that one fails", () => {
    const coordinator = newCoordinator()
    expect(coordinator.requestSavepoint(10, { last: true })).toMatchObject([{ type: "trigger", last: true }])
    expect(types(coordinator.onTick(60))).toEqual(["abort"])
    expect(coordinator.onTick(100)).toMatchObject([{ type: "trigger", kind: "periodic", last: false }])
    ackAll(coordinator, 2)
    coordinator.requestSavepoint(110, { last: true })
    coordinator.onPublished({ checkpointId: 2, sizeBytes: 0, nowMs: 120 })
    ackAll(coordinator, 3)
    expect(types(coordinator.onPublished({ checkpointId: 3, sizeBytes: 0, nowMs: 130 }))).toEqual(["complete"])
    expect([coordinator.progress.phase, coordinator.onTick(1e6), coordinator.requestFinal(1e6)]).toEqual([
      "stopped",
      [],
      [],
    ])
  })

  it("fails the job when more checkpoints in a row fail than are tolerated; a savepoint does not count", () => {
    const coordinator = newCoordinator({ tolerableFailures: 1 })
    coordinator.onTick(100)
    expect(types(coordinator.onTick(150))).toEqual(["abort"])
    coordinator.requestSavepoint(150)
    expect(types(coordinator.onTick(200))).toEqual(["abort", "trigger"])
    const actions = coordinator.onTick(250)
    expect(types(actions)).toEqual(["abort", "fail"])
    expect(actions[1]).toMatchObject({ reason: { code: "CHECKPOINT_FAILURES_EXCEEDED", details: { failedInARow: 2 } } })
    expect([coordinator.progress.phase, coordinator.nextDeadlineMs()]).toEqual(["stopped", Number.POSITIVE_INFINITY])
  })

  it("never fails the job by itself when nothing is said of failures", () => {
    const coordinator = newCoordinator()
    for (let nowMs = 100; nowMs < 100_000; nowMs += 50) expect(types(coordinator.onTick(nowMs))).not.toContain("fail")
    expect(coordinator.statistics.failedInARow).toBeGreaterThan(900)
  })

  it("stop aborts what gathers parts, and leaves what is being published to its end", () => {
    const gathering = newCoordinator()
    gathering.onTick(100)
    expect(gathering.stop()).toMatchObject([{ type: "abort", checkpointId: 1, reason: { code: "CHECKPOINT_STOPPED" } }])
    expect([gathering.statistics.failed, gathering.onTick(1e6), gathering.stop()]).toEqual([0, [], []])
    const publishing = newCoordinator()
    publishing.onTick(100)
    ackAll(publishing, 1)
    expect(publishing.stop()).toEqual([])
    expect(types(publishing.onPublished({ checkpointId: 1, sizeBytes: 0, nowMs: 1e6 }))).toEqual(["complete"])
    expect(publishing.onTick(1e7)).toEqual([])
  })

  it("refuses answers that cannot be", () => {
    const coordinator = newCoordinator()
    expect(() => coordinator.onPublished({ checkpointId: 1, sizeBytes: 0, nowMs: 0 })).toThrow(
      "the publishing of checkpoint 1 ended while none was idle",
    )
    expect(() => coordinator.onSubtaskFinished({ vertex: "no", subtask: 3, attempt: 1, payload: "" })).toThrow("no/3")
    expect(() => newCoordinator({ intervalMs: 0 })).toThrow("interval of 0 ms")
  })
})
