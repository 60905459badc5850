import { describe, expect, test } from "vitest"
import { SplitCoordinator, unread } from "./split-coordinator.ts"

const splits = ["a", "b", "c"].map((id) => unread({ id, data: null }))

describe("SplitCoordinator", () => {
  test("hands out the splits in order, then answers that there are none", () => {
    const coordinator = new SplitCoordinator(splits, true)
    expect([1, 2, 3, 4, 5].map(() => coordinator.next().assignment.progress?.split.id)).toEqual([
      "a",
      "b",
      "c",
      undefined,
      undefined,
    ])
  })

  test("an ordered source never holds the watermark", () => {
    const coordinator = new SplitCoordinator(splits, true)
    expect([1, 2, 3, 4].map(() => coordinator.next().assignment.holdWatermark)).toEqual([false, false, false, false])
  })

  test("an unordered source holds the watermark until its last split is handed out, and says so once", () => {
    const coordinator = new SplitCoordinator(splits, false)
    const answers = [1, 2, 3, 4].map(() => coordinator.next())
    expect(answers.map((answer) => answer.assignment.holdWatermark)).toEqual([true, true, false, false])
    expect(answers.map((answer) => answer.releasesWatermark)).toEqual([false, false, true, false])
  })

  test("a source without splits releases its readers at the first request", () => {
    expect(new SplitCoordinator([], false).next()).toMatchObject({
      releasesWatermark: true,
      assignment: { progress: undefined },
    })
  })
})
