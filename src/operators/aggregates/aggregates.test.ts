import { describe, expect, it } from "vitest"
import type { Aggregate } from "../../contracts/index.ts"
import { count, countDistinct, max, mean, min, sum } from "./index.ts"

function over<T, Acc>(aggregate: Aggregate<T, Acc, number>, values: readonly T[]): number {
  return aggregate.result(values.reduce((accumulator, value) => aggregate.add(accumulator, value), aggregate.create()))
}

/** The same, from two accumulators that are merged. */
function overHalves<T, Acc>(aggregate: Aggregate<T, Acc, number>, values: readonly T[], split: number): number {
  const [left, right] = [values.slice(0, split), values.slice(split)].map((half) =>
    half.reduce((accumulator, value) => aggregate.add(accumulator, value), aggregate.create()),
  )
  return aggregate.result(aggregate.merge(left as Acc, right as Acc))
}

const self = (n: number) => n
const values = [3, -1, 4, 1, -5, 9, 2, 6, 4]

describe.each<[string, Aggregate<number, unknown, number>, number]>([
  ["count()", count() as Aggregate<number, unknown, number>, 9],
  ["sum()", sum(self) as Aggregate<number, unknown, number>, 23],
  ["min()", min(self) as Aggregate<number, unknown, number>, -5],
  ["max()", max(self) as Aggregate<number, unknown, number>, 9],
  ["mean()", mean(self) as Aggregate<number, unknown, number>, 23 / 9],
  ["countDistinct()", countDistinct(self) as Aggregate<number, unknown, number>, 8],
])("%s", (_name, aggregate, result) => {
  it("is right", () => {
    expect(over(aggregate, values)).toBe(result)
  })

  it("depends neither on the order of records nor on where they were split for a merge", () => {
    expect(over(aggregate, values.toReversed())).toBe(result)
    for (let split = 0; split <= values.length; split++) expect(overHalves(aggregate, values, split)).toBe(result)
  })
})

it("sum() is exact for integers up to 2^53", () => {
  expect(over(sum(self), [2 ** 52, 1, 2 ** 52 - 2])).toBe(2 ** 53 - 1)
})

it("min() and max() put -0 before 0 whatever the order", () => {
  expect(over(min(self), [0, -0])).toBe(-0)
  expect(over(min(self), [-0, 0])).toBe(-0)
  expect(over(max(self), [0, -0])).toBe(0)
  expect(over(max(self), [-0, 0])).toBe(0)
})

it("countDistinct() tells values apart as keys", () => {
  expect(
    over(
      countDistinct((key: string | number | (string | number)[]) => key),
      [1, "1", [1], ["1"], [1], 1, "1"],
    ),
  ).toBe(4)
})

it.each([
  ["sum", sum],
  ["min", min],
  ["max", max],
  ["mean", mean],
] as const)("%s() refuses NaN and what is no number, and names what it was given", (name, make) => {
  const aggregate = make((value: unknown) => value as number) as Aggregate<unknown, unknown, number>
  for (const given of [Number.NaN, undefined, null, "12", 3n]) {
    expect(() => aggregate.add(aggregate.create(), given)).toThrowError(
      expect.objectContaining({
        code: "AGGREGATE_VALUE_INVALID",
        message: expect.stringMatching(`to ${name}: its function`),
      }),
    )
  }
})
