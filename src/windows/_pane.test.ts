import { expect, it } from "vitest"
import { keyIdentity } from "../state/index.ts"
import { Pane } from "./_pane.ts"

it("Pane finds every key again when they fill several maps, and keeps them in order of arrival", () => {
  const pane = new Pane<number, string>(0, 10, 0, 3)
  for (let key = 0; key < 10; key++) {
    expect(pane.find(key)).toBeUndefined()
    pane.add(key, key * 2, `v${key}`, 0)
  }
  for (let key = 0; key < 10; key++)
    expect(pane.find(key)).toMatchObject({ key, keyHash: key * 2, accumulator: `v${key}` })
  expect(pane.entries.map((entry) => entry.key)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

it("Pane keeps its own copy of a composite key, and freezes its window", () => {
  const pane = new Pane<[string, number], number>(0, 10, 0)
  const key: [string, number] = ["a", 1]
  pane.add(key, 7, 0, 0)
  key[1] = 2
  expect(pane.find(keyIdentity(["a", 1]))!.key).toEqual(["a", 1])
  expect(Object.isFrozen(pane.window)).toBe(true)
})
