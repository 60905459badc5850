import { describe, expect, it } from "vitest"
import { LongestStep, STEP_PERIOD_MS } from "./longest-step.ts"
import { MetricsReader } from "./metrics-reader.ts"
import { createMetricsBuffer, SubtaskMetrics } from "./subtask-metrics.ts"

const SHAPE = { id: "a", name: "a", parallelism: 2, firstSlot: 0, isSource: true, hasSink: true }

function setUp() {
  const buffer = createMetricsBuffer(2)
  const reader = new MetricsReader(buffer, [SHAPE], 0)
  const [first, second] = [0, 1].map((slot) => new LongestStep(new SubtaskMetrics(buffer, slot)))
  return { first: first!, second: second!, read: (nowMs: number) => reader.read(nowMs).vertices[0]!.longestStepMs }
}

describe("longestStepMs of a reading", () => {
  it("is that of the slowest subtask, for every reader", () => {
    const { first, second, read } = setUp()
    expect(read(0)).toBe(0)
    first.note(3, 10)
    first.note(7, 20)
    first.note(2, 30)
    second.note(4, 30)
    expect(read(40)).toBe(7)
    expect(read(50)).toBe(7)
  })

  it("looks back over at least one period, and at most two", () => {
    const { first, read } = setUp()
    first.note(1, 0)
    first.note(9, STEP_PERIOD_MS - 1)
    for (let nowMs = STEP_PERIOD_MS; nowMs < 2 * STEP_PERIOD_MS; nowMs += 500) {
      first.note(2, nowMs)
      expect(read(nowMs)).toBe(9)
    }
    first.note(2, 2 * STEP_PERIOD_MS)
    expect(read(2 * STEP_PERIOD_MS)).toBe(2)
  })

  it("forgets what was before a pause of more than a period", () => {
    const { first, read } = setUp()
    first.note(9, 0)
    first.note(1, 2 * STEP_PERIOD_MS)
    expect(read(2 * STEP_PERIOD_MS)).toBe(1)
  })
})
