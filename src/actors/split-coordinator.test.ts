import { describe, expect, test } from "vitest"
import { SplitCoordinator, unread } from "./split-coordinator.ts"

const splits = ["a", "b", "c", "d", "e"].map((id) => unread({ id, data: null }))
const bounded = { splits: splits.slice(0, 3), bounded: true, inOrder: true, readers: 2 }
const idsOf = ({ assignment }: ReturnType<SplitCoordinator["next"]>) => assignment.splits.map(({ split }) => split.id)

describe("SplitCoordinator of a source that ends", () => {
  test("hands out the splits in order to whoever asks, then answers that there are none", () => {
    const coordinator = new SplitCoordinator(bounded)
    const answers = [0, 0, 1, 0, 1].map((reader) => coordinator.next(reader))
    expect(answers.map(idsOf)).toEqual([["a"], ["b"], ["c"], [], []])
    expect(answers.map(({ assignment }) => assignment.last)).toEqual([false, false, false, true, true])
    expect(answers[0]!.assignment.sharers).toBe(2)
  })

  test("an ordered source never holds the watermark", () => {
    const coordinator = new SplitCoordinator(bounded)
    const held = [1, 2, 3, 4].map(() => coordinator.next(0).assignment.holdWatermark)
    expect(held).toEqual([false, false, false, false])
  })

  test("an unordered source holds the watermark until its last split is handed out, and says so once", () => {
    const coordinator = new SplitCoordinator({ ...bounded, inOrder: false })
    const answers = [1, 2, 3, 4].map(() => coordinator.next(0))
    expect(answers.map((answer) => answer.assignment.holdWatermark)).toEqual([true, true, false, false])
    expect(answers.map((answer) => answer.releasesWatermark)).toEqual([false, false, true, false])
  })

  test("a source without splits releases its readers at the first request", () => {
    expect(new SplitCoordinator({ ...bounded, splits: [], inOrder: false }).next(0)).toMatchObject({
      releasesWatermark: true,
      assignment: { splits: [], last: true },
    })
  })
})

describe("SplitCoordinator of a source without end", () => {
  const unbounded = { splits, bounded: false, inOrder: false, readers: 2 }

  test("deals all splits out, each reader's share at once, whoever asks first", () => {
    const coordinator = new SplitCoordinator(unbounded)
    expect(coordinator.waiting.map(({ split }) => split.id)).toEqual(["a", "b", "c", "d", "e"])
    const second = coordinator.next(1)
    expect(idsOf(second)).toEqual(["b", "d"])
    expect(coordinator.waiting.map(({ split }) => split.id)).toEqual(["a", "c", "e"])
    const first = coordinator.next(0)
    expect(idsOf(first)).toEqual(["a", "c", "e"])
    expect([first, second].map(({ assignment }) => assignment)).toMatchObject([
      { last: true, sharers: 5, holdWatermark: false },
      { last: true, sharers: 5, holdWatermark: true },
    ])
    expect([second, first].map(({ releasesWatermark }) => releasesWatermark)).toEqual([false, true])
  })

  test("a reader without a share has nothing to wait for", () => {
    const coordinator = new SplitCoordinator({ ...unbounded, readers: 6 })
    expect(coordinator.next(5).assignment).toMatchObject({ splits: [], last: true, holdWatermark: true })
  })
})
