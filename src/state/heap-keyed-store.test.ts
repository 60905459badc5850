import { describe, expect, it } from "vitest"
import { HeapKeyedStore } from "./heap-keyed-store.ts"
import { keyGroupOf } from "./key-groups.ts"
import { hashKey } from "./key-hash.ts"
import type { Key } from "./keyed-store.ts"
import type { TableEntry } from "./state-table.ts"

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

/** Copies at once, as a sink must. */
function newSink() {
  const entries: TableEntry[] = []
  return { entries, put: (entry: TableEntry) => void entries.push(structuredClone(entry)) }
}

const contentOf = (entries: readonly TableEntry[]) =>
  Object.fromEntries(entries.map(({ key, value, deleted }) => [String(key), deleted ? "deleted" : value]))

describe("HeapKeyedStore.capture()", () => {
  function lists(keys: readonly string[], trackChanges = false) {
    const store = new HeapKeyedStore<number[]>(4, { name: "lists", trackChanges })
    for (const [index, key] of keys.entries()) store.set(key, hashKey(key), [index])
    return store
  }
  const push = (store: HeapKeyedStore<number[]>, key: string, n: number) => store.get(key, hashKey(key))!.push(n)

  it("hands over every entry once, with hash and original key, at most so many per call", () => {
    const keys: Key[] = ["a", ["a", 1], "\u0000x", 7n, Number.NaN]
    const sink = newSink()
    const capture = filled(keys, 4).capture("all", sink)
    for (const handedOver of [2, 4]) {
      expect(capture.write(2)).toBe(false)
      expect(sink.entries.length).toBe(handedOver)
    }
    expect(capture.write(2)).toBe(true)
    expect(sink.entries.map(({ key }) => key)).toEqual(expect.arrayContaining(keys))
    for (const { key, keyHash, namespace, value } of sink.entries) {
      expect([keyHash, namespace, value]).toEqual([
        hashKey(key),
        null,
        keys.findIndex((of) => Object.is(of, key) || String(of) === String(key)),
      ])
    }
  })

  it("holds still: what is got, set, deleted or added meanwhile is handed over as it was, or not at all", () => {
    const store = lists(["a", "b", "c", "d"])
    const sink = newSink()
    const capture = store.capture("all", sink)
    push(store, "a", 99)
    store.set("b", hashKey("b"), [98])
    store.delete("c", hashKey("c"))
    store.set("c", hashKey("c"), [97])
    store.set("new", hashKey("new"), [96])
    for (const [, value] of store.entries()) value.push(95)
    while (!capture.write(1));
    expect(contentOf(sink.entries)).toEqual({ a: [0], b: [1], c: [2], d: [3] })
    expect(store.get("a", hashKey("a"))).toEqual([0, 99, 95])
  })

  it("of changes holds what was set, deleted, or got as an object since the last one", () => {
    const store = lists(["a", "b", "c", "d", "e"], true)
    store.capture("all", newSink()).write(100)
    store.set("a", hashKey("a"), [10])
    store.delete("b", hashKey("b"))
    store.delete("missing", hashKey("missing"))
    push(store, "c", 12)
    store.set("f", hashKey("f"), [13])
    const sink = newSink()
    const capture = store.capture("changes", sink)
    store.delete("a", hashKey("a"))
    store.set("b", hashKey("b"), [14])
    push(store, "d", 15)
    expect(capture.write(100)).toBe(true)
    expect(contentOf(sink.entries)).toEqual({ a: [10], b: "deleted", c: [2, 12], f: [13] })
    const next = newSink()
    store.capture("changes", next).write(100)
    expect(contentOf(next.entries)).toEqual({ a: "deleted", b: [14], d: [3, 15] })
  })

  it("gives its changes back when it is cancelled, while it runs or after it was written", () => {
    const store = lists(["a", "b"], true)
    store.capture("all", newSink()).write(100)
    store.set("a", hashKey("a"), [10])
    store.capture("changes", newSink()).cancel()
    store.delete("b", hashKey("b"))
    const written = store.capture("changes", newSink())
    written.write(100)
    written.cancel()
    const sink = newSink()
    store.capture("changes", sink).write(100)
    expect(contentOf(sink.entries)).toEqual({ a: [10], b: "deleted" })
  })

  it("refuses to take a capture back once the next was taken: the deletions of both would be lost (seed 255383597)", () => {
    const store = lists(["a"], true)
    store.capture("all", newSink()).write(100)
    store.delete("a", hashKey("a"))
    const changes = store.capture("changes", newSink())
    changes.write(100)
    const next = store.capture("all", newSink())
    expect(() => changes.cancel()).toThrowError(/"lists" is cancelled after the next was taken/)
    next.cancel()
    const sink = newSink()
    store.capture("all", sink).write(100)
    expect(contentOf(sink.entries)).toEqual({})
  })

  it("fails in write(), not in the record that made it hand over early", () => {
    const store = lists(["a", "b"])
    const capture = store.capture("all", {
      put() {
        throw new Error("too large")
      },
    })
    push(store, "a", 1)
    expect(store.get("a", hashKey("a"))).toEqual([0, 1])
    expect(() => capture.write(1)).toThrowError("too large")
    capture.cancel()
    const sink = newSink()
    expect(store.capture("all", sink).write(100)).toBe(true)
    expect(contentOf(sink.entries)).toEqual({ a: [0, 1], b: [1] })
  })

  it("runs values through the codec", () => {
    const codec = { encode: (value: Set<number>) => [...value], decode: (plain: unknown) => new Set(plain as number[]) }
    const store = new HeapKeyedStore<Set<number>>(4, { codec })
    store.set("a", hashKey("a"), new Set([1, 2]))
    const sink = newSink()
    store.capture("all", sink).write(100)
    expect(contentOf(sink.entries)).toEqual({ a: [1, 2] })
    const restored = new HeapKeyedStore<Set<number>>(4, { codec })
    for (const entry of sink.entries) restored.load(entry)
    expect(restored.get("a", hashKey("a"))).toEqual(new Set([1, 2]))
  })

  it("refuses a second capture while one runs, and changes that are not tracked", () => {
    const store = lists(["a"])
    expect(() => store.capture("changes", newSink())).toThrowError(
      /changes of state "lists" are captured, but not tracked/,
    )
    store.capture("all", newSink())
    expect(() => store.capture("all", newSink())).toThrowError(/"lists" is captured while a capture of it runs/)
  })
})

describe("HeapKeyedStore.logChanges()", () => {
  it("logs the key that changed, also when others went and their holes were closed in between", () => {
    const store = new HeapKeyedStore<number>(1, { trackChanges: true, loggedTogether: 1 })
    const content = new Map<Key, unknown>()
    store.logTo({ full: false, put: (keys, values) => keys.forEach((key, at) => void content.set(key, values[at])) })
    const capture = () => {
      const put = ({ key, value, deleted }: TableEntry) =>
        void (deleted ? content.delete(key) : content.set(key, value))
      store.capture("changes", { put }).write(Number.POSITIVE_INFINITY)
    }
    const set = (key: string, value: number) => store.set(key, hashKey(key), value)
    // As many as a group has room for at first; two captures on, they are seldom touched.
    for (const key of ["a", "b", "c", "d"]) set(key, 1)
    capture()
    capture()
    set("d", 2)
    for (const key of ["a", "c"]) store.delete(key, hashKey(key))
    set("e", 3)
    store.logChanges()
    capture()
    expect(Object.fromEntries(content)).toEqual({ b: 1, d: 2, e: 3 })
  })
})
