import { expect, it } from "vitest"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"
import { SplitOperator } from "./split.ts"

it.each(HARNESS_WORLDS)(
  "SplitOperator sends a record to the first output that matches, else to the main one (room for $roomFor, $mode)",
  (world) => {
    const make = () => new SplitOperator<number>({ predicates: { big: (n) => n >= 100, even: (n) => n % 2 === 0 } })
    const input = [1, 2, 100, 101, 3].map((value) => ({ value, timeMs: value }))
    const { records, sides } = runOperator(make, input, world)
    expect(records.map(({ value }) => value)).toEqual([1, 3])
    expect(sides.get("big")).toEqual([
      { value: 100, timeMs: 100 },
      { value: 101, timeMs: 101 },
    ])
    expect(sides.get("even")).toEqual([{ value: 2, timeMs: 2 }])
  },
)
