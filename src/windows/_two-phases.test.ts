import { expect, it } from "vitest"
import { defineAggregate } from "../operators/index.ts"
import { mergingAggregate, recordOfLocalResult } from "./_two-phases.ts"

/** Its codec shares the list with the plain data, and `merge` takes over the longer one. */
const list = defineAggregate<number, { values: number[] }, readonly number[]>({
  create: () => ({ values: [] }),
  add: (into, value) => {
    into.values.push(value)
    return into
  },
  merge: (left, right) => {
    const [more, fewer] = left.values.length >= right.values.length ? [left, right] : [right, left]
    more.values.push(...fewer.values)
    return more
  },
  result: ({ values }) => values,
  encode: ({ values }) => values,
  decode: (plain) => ({ values: plain as number[] }),
})
const sum = (...values: number[]) => ({ key: "a", isRecord: false, value: values })
const record = (value: number) => ({ key: "a", isRecord: true, value })

it("mergingAggregate() merges what was added up, and adds single records", () => {
  const { create, add, result } = mergingAggregate(list, false)
  expect(result(add(add(add(create(), sum(1, 2)), record(3)), sum(4)))).toEqual([1, 2, 3, 4])
})

it("mergingAggregate() lets a result be added twice, to a slice and to what is derived of slices", () => {
  const { create, add, result } = mergingAggregate(list, true)
  const twice = sum(1, 2)
  const slice = add(add(create(), twice), record(3))
  const total = add(create(), twice)
  expect([result(slice), result(total)]).toEqual([
    [1, 2, 3],
    [1, 2],
  ])
})

it("recordOfLocalResult() gives the record of one that is late, and knows that sums are not", () => {
  expect(recordOfLocalResult(record(3))).toBe(3)
  expect(() => recordOfLocalResult(sum(3))).toThrowError(expect.objectContaining({ code: "INVARIANT_BROKEN" }))
})
