import { expect, it } from "vitest"
import { HOLDS_NOBODY, mustWait, slowestOf } from "./alignment.ts"

const START = Number.NEGATIVE_INFINITY

it("slowestOf() finds the member furthest behind, the first of several, and nobody when all are idle or done", () => {
  expect(slowestOf([5, 3, 3])).toBe(1)
  expect(slowestOf([5, START])).toBe(1)
  expect(slowestOf([HOLDS_NOBODY, 7])).toBe(1)
  expect(slowestOf([HOLDS_NOBODY, HOLDS_NOBODY])).toBe(-1)
  expect(slowestOf([])).toBe(-1)
})

it("mustWait() lets a member be as far ahead as the drift, and waits for one that has not begun", () => {
  expect(mustWait(15, 5, 10)).toBe(false)
  expect(mustWait(16, 5, 10)).toBe(true)
  expect(mustWait(16, HOLDS_NOBODY, 10)).toBe(false)
  expect(mustWait(0, START, 10)).toBe(true)
  expect(mustWait(START, START, 10)).toBe(false)
})
