/** What `npm run bench:compare` says of pairs of runs. */
import { expect, test } from "vitest"
// @ts-expect-error A script without types.
import { compareRuns } from "../../scripts/bench/comparison.mjs"

interface Row {
  readonly variant: string
  readonly metric: string
  readonly ratios: readonly number[]
  readonly verdict: string
}

const compare = compareRuns as (pairs: readonly unknown[]) => Row[]

function pairs(unit: string, here: readonly number[], there: readonly number[]): unknown[] {
  const run = (reading: number) => [{ variant: "a", metric: "m", unit, readings: [reading * 2, reading, reading / 2] }]
  return here.map((reading, index) => ({ here: run(reading), there: run(there[index]!) }))
}

test.each([
  ["records/s", [2, 2, 2, 2, 3], [1, 1, 1, 1, 2], "better in all 5 pairs"],
  ["records/s", [1, 1, 1, 1, 1], [2, 2, 2, 2, 2], "WORSE in all 5 pairs"],
  ["ms", [1, 1, 1, 1, 1], [2, 2, 2, 2, 2], "better in all 5 pairs"],
  ["x", [1, 1, 1, 1, 1], [2, 2, 2, 2, 2], "less in all 5 pairs"],
  ["ms", [1, 1, 1, 1, 3], [2, 2, 2, 2, 2], "within noise"],
  ["ms", [1, 1, 1, 1], [2, 2, 2, 2], "fewer than 5 pairs"],
])("%s: %j here, %j there", (unit, here, there, verdict) => {
  const [row] = compare(pairs(unit, here, there))
  expect(row!.verdict).toBe(verdict)
  expect(row!.ratios).toEqual(here.map((reading, index) => reading / there[index]!))
})

test("a figure that one side does not have is left out", () => {
  const [pair] = pairs("ms", [1], [2]) as [{ here: object[]; there: object[] }]
  const more = { ...pair, here: [...pair.here, { variant: "b", metric: "m", unit: "ms", readings: [1] }] }
  expect(compare([more]).map(({ variant }) => variant)).toEqual(["a"])
})
