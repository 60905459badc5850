import { expect, it } from "vitest"
import { MapOperator } from "./map.ts"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"

it.each(HARNESS_WORLDS)("MapOperator keeps the time of each record (room for $roomFor, $mode)", (world) => {
  const input = [1, 2, 3].map((value) => ({ value, timeMs: value * 10 }))
  const { records } = runOperator(() => new MapOperator<number, string>({ fn: (n) => `n${n}` }), input, world)
  expect(records).toEqual([
    { value: "n1", timeMs: 10 },
    { value: "n2", timeMs: 20 },
    { value: "n3", timeMs: 30 },
  ])
})
