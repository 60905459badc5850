import { expect, it } from "vitest"
import { hashKey, type Key } from "../state/index.ts"
import { decodeEntries, decodeValue, EntryEncoder, encodeValue, newEntryBatch } from "./entry-block.ts"

it("a block gives back its entries, deletions first, with the hashes of their keys", () => {
  const keys: Key[] = ["a", 1, -0, 7n, true, ["a", 1], "\ud800"]
  const batch = newEntryBatch()
  batch.deletedKeys.push("gone", ["gone", 2])
  batch.deletedNamespaces.push(5, Number.POSITIVE_INFINITY)
  for (const [index, key] of keys.entries()) {
    batch.keys.push(key)
    batch.namespaces.push(null)
    batch.values.push(index % 2 === 0 ? { n: index, s: "x" } : undefined)
  }
  expect(decodeEntries(new EntryEncoder().encode(batch))).toEqual([
    { keyHash: hashKey("gone"), key: "gone", namespace: 5, value: undefined, deleted: true },
    {
      keyHash: hashKey(["gone", 2]),
      key: ["gone", 2],
      namespace: Number.POSITIVE_INFINITY,
      value: undefined,
      deleted: true,
    },
    ...keys.map((key, index) => ({
      keyHash: hashKey(key),
      key,
      namespace: null,
      value: index % 2 === 0 ? { n: index, s: "x" } : undefined,
      deleted: false,
    })),
  ])
})

it("a block of many values of one shape is smaller than their rows", () => {
  const batch = newEntryBatch()
  for (let n = 0; n < 500; n++) {
    batch.keys.push(n)
    batch.namespaces.push(n * 1000)
    batch.values.push({ count: n, sum: n / 3, name: `airport-${n}` })
  }
  const bytes = new EntryEncoder().encode(batch)
  expect(decodeEntries(bytes).map(({ value }) => value)).toEqual(batch.values)
  expect(decodeEntries(bytes).map(({ namespace }) => namespace)).toEqual(batch.namespaces)
  expect(bytes.length).toBeLessThan(500 * 36)
})

it("an encoder goes on after a batch that it refused, and with batches that are all deletions", () => {
  const encoder = new EntryEncoder()
  const refused = { ...newEntryBatch(), keys: ["a", "b"], namespaces: [1, 2], values: [{ n: 1 }, { n: () => 1 }] }
  expect(() => encoder.encode(refused)).toThrowError(/field "n" is a function/)
  const deletions = { ...newEntryBatch(), deletedKeys: ["b"], deletedNamespaces: [null] }
  expect(decodeEntries(encoder.encode(deletions)).map(({ key, deleted }) => [key, deleted])).toEqual([["b", true]])
  const next = { ...newEntryBatch(), keys: ["c"], namespaces: [null], values: [{ n: 3 }] }
  expect(decodeEntries(encoder.encode(next))).toEqual([
    { keyHash: hashKey("c"), key: "c", namespace: null, value: { n: 3 }, deleted: false },
  ])
})

it("a value that belongs to no key comes back too", () => {
  const value = { watermarkMs: Number.NEGATIVE_INFINITY, ended: false }
  expect(decodeValue(encodeValue(value))).toEqual(value)
})
