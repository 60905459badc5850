import { expect, it } from "vitest"
import { hashKey } from "../state/index.ts"
import { Pane } from "./_pane.ts"

it("Pane finds every key again when they are too many for one index, and keeps them in order of arrival", () => {
  const pane = new Pane<number, string>(0, 10, 0)
  const keys = Array.from({ length: 10_000 }, (_, index) => index)
  for (const key of keys) {
    expect(pane.find(key, hashKey(key))).toBeUndefined()
    pane.add(key, hashKey(key), `v${key}`, 0)
  }
  for (const key of keys) {
    expect(pane.find(key, hashKey(key))).toMatchObject({ key, keyHash: hashKey(key), accumulator: `v${key}` })
  }
  expect(pane.entries.map((entry) => entry.key)).toEqual(keys)
})

it("Pane keeps its own copy of a composite key, and freezes its window", () => {
  const pane = new Pane<[string, number], number>(0, 10, 0)
  const key: [string, number] = ["a", 1]
  pane.add(key, 7, 0, 0)
  key[1] = 2
  expect(pane.find(["a", 1], 7)!.key).toEqual(["a", 1])
  expect(Object.isFrozen(pane.window)).toBe(true)
})
