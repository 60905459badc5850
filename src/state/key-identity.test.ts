import { expect, it } from "vitest"
import { keyIdentity } from "./key-identity.ts"
import type { Key } from "./keyed-store.ts"

it("keyIdentity() leaves primitives as they are", () => {
  for (const key of ["", "ATL", 0, 1.5, true, 1n]) expect(keyIdentity(key)).toBe(key)
})

it("keyIdentity() of different keys differs, also where a string imitates an array", () => {
  const keys: Key[] = [
    1, "1", 1n, true, "true", [], [1], ["1"], [1n], [true], ["a", "b"], ["ab"], ["ab", ""], ["", "ab"], ["a", "", "b"],
    ["a;s1:b"], ["s1:a"], [1, 2], [12], ["n1;"], "", [""], "\u0000", "\u0000\u0000", "\u0000[", "\u0000[n1;", "\u0000\u0000[n1;",
  ] // biome-ignore format: a list
  keys.push(keyIdentity(["a", "b"]), keyIdentity([1]), keyIdentity(keyIdentity(["a", "b"])))
  const identities = new Set(keys.map(keyIdentity))
  // keyIdentity([1]) is the text "\u0000[n1;" that is in the list already.
  expect(identities.size).toBe(keys.length - 1)
})

it("keyIdentity() of arrays is equal when their parts are, as a Map compares them", () => {
  expect(keyIdentity(["a", 0, Number.NaN])).toBe(keyIdentity(["a", -0, Number.NaN]))
})

it("keyIdentity() refuses what cannot be a key", () => {
  for (const key of [undefined, null, {}, [null], [["a"]], Symbol("s")]) {
    expect(() => keyIdentity(key as unknown as Key)).toThrowError(expect.objectContaining({ code: "KEY_INVALID" }))
  }
})
