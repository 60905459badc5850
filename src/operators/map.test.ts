import { expect, it } from "vitest"
import { MapOperator } from "./map.ts"
import { runOperator } from "./operator-harness.ts"

it.each([Number.POSITIVE_INFINITY, 1])("MapOperator keeps the time of each record (room for %d)", (roomFor) => {
  const input = [1, 2, 3].map((value) => ({ value, timeMs: value * 10 }))
  const { records } = runOperator(new MapOperator<number, string>({ fn: (n) => `n${n}` }), input, { roomFor })
  expect(records).toEqual([
    { value: "n1", timeMs: 10 },
    { value: "n2", timeMs: 20 },
    { value: "n3", timeMs: 30 },
  ])
})
