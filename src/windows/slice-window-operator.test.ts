import { describe, expect, it } from "vitest"
import type { Aggregate } from "../contracts/index.ts"
import { combineAggregates, count, max, mean, sum } from "../operators/index.ts"
import { runOperator } from "../operators/testing.ts"
import { createWindowOperator } from "./create-window-operator.ts"
import { cumulative } from "./cumulative-windows.ts"
import { sliding } from "./sliding-windows.ts"

interface Reading {
  readonly time: number
  readonly x: number
}

const SIZE = 100

/** Sums and means by window end, of windows of 100 ms every ms, fired one by one. */
function run(
  readings: readonly Reading[],
  aggregate: Aggregate<Reading, unknown, unknown>,
  assigner = sliding(SIZE, 1),
) {
  const input = readings.flatMap(({ time, x }) => [
    { value: { time, x }, timeMs: time, key: "a" },
    // Up to 3 ms out of order.
    { watermarkMs: time - 4 },
  ])
  const { records } = runOperator(
    () =>
      createWindowOperator<Reading, string, unknown, unknown, readonly [number, unknown]>({ assigner }, () => "a", {
        kind: "aggregate",
        aggregate,
        result: (_key, { end }, result) => [end, result],
      }),
    input,
    {},
  )
  return records.map(({ value }) => value)
}

function plain(readings: readonly Reading[], end: number, start = end - SIZE): readonly Reading[] {
  return readings.filter(({ time }) => time >= start && time < end)
}

const total = (readings: readonly Reading[]) => readings.reduce((sum, { x }) => sum + x, 0)
const times = Array.from({ length: 600 }, (_, n) => n + (n % 4 === 0 ? 3 : 0))

describe("SliceWindowOperator with aggregates that retract", () => {
  it("is exact for whole numbers, over many slices that come, change and go", () => {
    const readings = times.map((time, n) => ({ time, x: ((n * 7_919) % 1_000) - 500 }))
    for (const assigner of [sliding(SIZE, 1), cumulative(SIZE, 1)]) {
      const found = run(
        readings,
        combineAggregates({ n: count(), sum: sum((r: Reading) => r.x), mean: mean((r: Reading) => r.x) }) as never,
        assigner as never,
      )
      expect(found.length).toBeGreaterThan(590)
      for (const [end, result] of found) {
        const held = plain(readings, end, assigner.startOf(end))
        expect(result).toEqual({ n: held.length, sum: total(held), mean: total(held) / held.length })
      }
    }
  })

  it("lets no large number that has gone take the digits of small ones along", () => {
    const readings = times.map((time, n) => ({ time, x: n === 50 ? 8e15 : n === 300 ? 1e16 : n % 3 === 0 ? 0.1 : 1 }))
    const compared = run(readings, sum((r: Reading) => r.x) as never).filter(([end, result]) => {
      const held = plain(readings, end)
      // Beside such a number nothing else has digits.
      if (held.some(({ x }) => x > 1e10)) return false
      expect(result).toBeCloseTo(total(held), 9)
      return true
    })
    expect(compared.length).toBeGreaterThan(350)
  })

  it("combines anew what has a part that cannot retract", () => {
    const readings = times.map((time, n) => ({ time, x: (n * 7_919) % 1_000 }))
    const aggregate = combineAggregates({ n: count(), most: max((r: Reading) => r.x) })
    expect("retract" in aggregate).toBe(false)
    for (const [end, result] of run(readings, aggregate as never)) {
      const held = plain(readings, end)
      expect(result).toEqual({ n: held.length, most: Math.max(...held.map(({ x }) => x)) })
    }
  })
})
