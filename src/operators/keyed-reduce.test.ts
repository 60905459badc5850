import { describe, expect, it } from "vitest"
import { KeyedReduceOperator } from "./keyed-reduce.ts"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"

interface Sale {
  shop: string
  total: number
}

describe.each(HARNESS_WORLDS)("KeyedReduceOperator with room for $roomFor, $mode", (world) => {
  it("hands on the new value of the record's key for every record, at its time", () => {
    const make = () =>
      new KeyedReduceOperator<Sale>({
        keyOf: (sale) => sale.shop,
        fn: (soFar, sale) => ({ shop: sale.shop, total: soFar.total + sale.total }),
      })
    const input = [
      { shop: "a", total: 1 },
      { shop: "b", total: 10 },
      { shop: "a", total: 2 },
      { shop: "a", total: 3 },
    ].map((value, index) => ({ value, timeMs: index, key: value.shop }))
    const { records, stores } = runOperator(make, input, world)
    expect(records.map(({ value, timeMs }) => [value.shop, value.total, timeMs])).toEqual([
      ["a", 1, 0],
      ["b", 10, 1],
      ["a", 3, 2],
      ["a", 6, 3],
    ])
    expect(stores.get("reduce")!.size).toBe(2)
  })
})
