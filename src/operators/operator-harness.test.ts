import { expect, it } from "vitest"
import { runOperator } from "./operator-harness.ts"

it("runOperator() refuses an operator that stays pending and emits nothing", () => {
  expect(() =>
    runOperator({ pending: true, onRecord: () => undefined, resume: () => undefined }, [{ value: 1, timeMs: 0 }]),
  ).toThrowError(/pending for \d+ steps and emitted nothing/)
})

it("runOperator() calls open, records, watermarks, the end and finish in order", () => {
  const calls: unknown[] = []
  runOperator(
    {
      open: () => void calls.push("open"),
      onRecord: (value) => void calls.push(value),
      onWatermark: (watermarkMs) => void calls.push(watermarkMs),
      finish: () => void calls.push("finish"),
    },
    [{ value: "a", timeMs: 1 }, { watermarkMs: 5 }, { value: "b", timeMs: 6 }],
  )
  expect(calls).toEqual(["open", "a", 5, "b", Number.POSITIVE_INFINITY, "finish"])
})
