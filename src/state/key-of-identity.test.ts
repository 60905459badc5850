import { expect, it } from "vitest"
import { keyIdentity } from "./key-identity.ts"
import { keyOfIdentity } from "./key-of-identity.ts"
import type { Key } from "./keyed-store.ts"

it.each<[string, Key]>([
  ["a string", "ATL"],
  ["an empty string", ""],
  ["a string with a NUL in front", "\u0000[s1:a"],
  ["a number", -0.5],
  ["NaN", Number.NaN],
  ["a bigint", -1n],
  ["a boolean", false],
  ["an empty array", []],
  ["an array of every kind", ["a;b:c", "", "\u0000", 1, -1e300, Number.POSITIVE_INFINITY, Number.NaN, 7n, true, false]],
  ["an array with parts that look like its spelling", ["s1:a", "]", "n1;"]],
])("keyOfIdentity() gives back %s", (_name, key) => {
  expect(keyOfIdentity(keyIdentity(key))).toEqual(key)
})

it("keyOfIdentity() refuses an identity that breaks off", () => {
  expect(() => keyOfIdentity("\u0000[s1")).toThrowError(expect.objectContaining({ code: "INVARIANT_BROKEN" }))
})
