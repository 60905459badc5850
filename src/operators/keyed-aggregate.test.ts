import { describe, expect, it } from "vitest"
import { combineAggregates, count, mean } from "./aggregates/index.ts"
import { KeyedAggregateOperator } from "./keyed-aggregate.ts"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"

interface Flight {
  origin: string
  carrier: string
  delay: number
}

const flights: Flight[] = [
  { origin: "ATL", carrier: "DL", delay: 10 },
  { origin: "JFK", carrier: "DL", delay: 4 },
  { origin: "ATL", carrier: "DL", delay: 20 },
]

describe.each(HARNESS_WORLDS)("KeyedAggregateOperator with room for $roomFor, $mode", (world) => {
  it("hands on { key, ...results so far } for every record, at its time", () => {
    const combined = combineAggregates({ flights: count(), meanDelay: mean((f: Flight) => f.delay) })
    const make = () =>
      new KeyedAggregateOperator({
        keyOf: (f: Flight) => f.origin,
        aggregate: combined,
        result: combined.keyed<string>,
      })
    const input = flights.map((value, index) => ({ value, timeMs: index, key: value.origin }))
    const { records } = runOperator(make, input, world)
    expect(records).toEqual([
      { value: { key: "ATL", flights: 1, meanDelay: 10 }, timeMs: 0 },
      { value: { key: "JFK", flights: 1, meanDelay: 4 }, timeMs: 1 },
      { value: { key: "ATL", flights: 2, meanDelay: 15 }, timeMs: 2 },
    ])
  })

  it("files composite keys by their parts", () => {
    const make = () =>
      new KeyedAggregateOperator({
        keyOf: (f: Flight) => [f.origin, f.carrier] as const,
        aggregate: count(),
        result: (key, records) => `${key.join("/")}: ${records}`,
      })
    const input = flights.map((value) => ({ value, timeMs: 0, key: [value.origin, value.carrier] as const }))
    const { records } = runOperator(make, input, world)
    expect(records.map(({ value }) => value)).toEqual(["ATL/DL: 1", "JFK/DL: 1", "ATL/DL: 2"])
  })
})
