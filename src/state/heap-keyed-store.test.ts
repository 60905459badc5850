import { describe, expect, it } from "vitest"
import { HeapKeyedStore } from "./heap-keyed-store.ts"
import { keyGroupOf } from "./key-groups.ts"
import { hashKey } from "./key-hash.ts"
import type { Key } from "./keyed-store.ts"

function filled(keys: readonly Key[], keyGroups?: number): HeapKeyedStore<number> {
  const store = new HeapKeyedStore<number>(keyGroups)
  for (const [index, key] of keys.entries()) store.set(key, hashKey(key), index)
  return store
}

describe("HeapKeyedStore", () => {
  it("gets what was set, for every kind of key", () => {
    const keys: Key[] = ["a", "1", 1, 1n, true, ["a", 1], "\u0000x", Number.NaN, ""]
    const store = filled(keys)
    expect(keys.map((key) => store.get(key, hashKey(key)))).toEqual(keys.map((_, index) => index))
    expect(store.size).toBe(keys.length)
    expect(store.get("b", hashKey("b"))).toBeUndefined()
  })

  it("overwrites and deletes", () => {
    const store = filled(["a", ["a", "b"]])
    store.set("a", hashKey("a"), 7)
    expect(store.get("a", hashKey("a"))).toBe(7)
    expect(store.delete("a", hashKey("a"))).toBe(true)
    expect(store.delete("a", hashKey("a"))).toBe(false)
    expect(store.delete(["a", "b"], hashKey(["a", "b"]))).toBe(true)
    expect(store.size).toBe(0)
    expect([...store.entries()]).toEqual([])
  })

  it("iterates over original keys, by key group and then by first insertion", () => {
    const keys: Key[] = Array.from({ length: 50 }, (_, i) => [[i, "x"], `s${i}`, i, `\u0000${i}`][i % 4] as Key)
    const store = filled(keys, 4)
    store.set(keys[0]!, hashKey(keys[0]!), 0)
    const expected = [0, 1, 2, 3].flatMap((group) => keys.filter((key) => keyGroupOf(hashKey(key), 4) === group))
    expect([...store.entries()].map(([key]) => key)).toEqual(expected)
    expect([...store.entries()].map(([, value]) => value)).toEqual(expected.map((key) => keys.indexOf(key)))
  })

  it("keeps its own copy of a composite key", () => {
    const key: [string, number] = ["a", 1]
    const store = filled([key])
    key[1] = 2
    expect([...store.entries()]).toEqual([[["a", 1], 0]])
  })

  it("sees its own writes while iterating", () => {
    const store = filled(["a", "b"], 1)
    const seen: Key[] = []
    for (const [key] of store.entries()) {
      seen.push(key)
      if (seen.length > 1) continue
      store.delete("a", hashKey("a"))
      store.delete("b", hashKey("b"))
      store.set(["c", 1], hashKey(["c", 1]), 3)
    }
    expect(seen).toEqual(["a", ["c", 1]])
  })
})
