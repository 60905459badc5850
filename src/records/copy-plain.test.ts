import { expect, it } from "vitest"
import { copyPlain, NOT_COPIED } from "./copy-plain.ts"

it("copyPlain() copies plain data, field order included, and shares nothing with it", () => {
  const value = { b: 1, a: [1, { x: null }, undefined, 7n, "s"], c: { d: -0 } }
  const copy = copyPlain(value) as typeof value
  expect(copy).toEqual(value)
  expect(Object.keys(copy)).toEqual(["b", "a", "c"])
  expect(Object.is(copy.c.d, -0)).toBe(true)
  ;(value.a[1] as { x: unknown }).x = 2
  value.c.d = 9
  expect(copy).toEqual({ b: 1, a: [1, { x: null }, undefined, 7n, "s"], c: { d: -0 } })
  for (const primitive of [1, "a", null, undefined, true, 7n]) expect(copyPlain(primitive)).toBe(primitive)
})

it("copyPlain() leaves everything else to whoever knows better", () => {
  class Sketch {
    n = 1
  }
  const holes = [1, 2]
  delete holes[0]
  const deep = { a: { a: { a: { a: { a: 1 } } } } }
  const others = [new Date(0), new Map(), new Set(), new Uint8Array(2), new Sketch(), Object.create(null), holes, deep]
  for (const other of [...others, () => 1, Symbol("s"), new Array(100).fill(0)]) {
    expect(copyPlain(other)).toBe(NOT_COPIED)
    expect(copyPlain({ part: other })).toBe(NOT_COPIED)
    expect(copyPlain([other])).toBe(NOT_COPIED)
  }
})
