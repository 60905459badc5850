import { expect, it } from "vitest"
import { hashKey, type Key } from "../state/index.ts"
import { decodeEntries, decodeValue, encodeEntries, encodeValue, newEntryBatch } from "./entry-block.ts"

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
  expect(decodeEntries(encodeEntries(batch))).toEqual([
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
  const bytes = encodeEntries(batch)
  expect(decodeEntries(bytes).map(({ value }) => value)).toEqual(batch.values)
  expect(decodeEntries(bytes).map(({ namespace }) => namespace)).toEqual(batch.namespaces)
  expect(bytes.length).toBeLessThan(500 * 36)
})

it("a value that belongs to no key comes back too", () => {
  const value = { watermarkMs: Number.NEGATIVE_INFINITY, ended: false }
  expect(decodeValue(encodeValue(value))).toEqual(value)
})
