import { expect, it } from "vitest"
import { FilterOperator } from "./filter.ts"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"

it.each(HARNESS_WORLDS)("FilterOperator keeps what the predicate is true of (room for $roomFor, $mode)", (world) => {
  const input = [1, 2, 3, 4].map((value) => ({ value, timeMs: value * 10 }))
  const { records, counts } = runOperator(
    () => new FilterOperator<number>({ predicate: (n) => n % 2 === 0 }),
    input,
    world,
  )
  expect(records).toEqual([
    { value: 2, timeMs: 20 },
    { value: 4, timeMs: 40 },
  ])
  expect(counts.skipped).toBe(0)
})
