import { expect, it } from "vitest"
import { TimerQueue } from "../time/index.ts"
import { keyIdentity } from "./key-identity.ts"
import type { Key } from "./keyed-store.ts"
import type { TableEntry } from "./state-table.ts"
import { TimerTable } from "./timer-table.ts"

it("TimerTable restores timers with their key, hash, time and turn, and takes back those a later capture deletes", () => {
  const queue = new TimerQueue<Key>(keyIdentity)
  queue.trackChanges()
  for (const key of ["c", ["a", 1], "b", "d"]) queue.register(key, 7, 10)
  queue.register("b", 7, Number.POSITIVE_INFINITY)
  const entries: TableEntry[] = []
  const table = new TimerTable(queue)
  const sink = { put: (entry: TableEntry) => void entries.push(entry) }
  expect(table.capture("all", sink).write(100)).toBe(true)
  queue.delete("b", 7, 10)
  queue.delete("c", 7, 10)
  queue.register("c", 7, 10)
  expect(table.capture("changes", sink).write(100)).toBe(true)

  const restored = new TimerQueue<Key>(keyIdentity)
  for (const entry of entries) new TimerTable(restored).load(entry)
  const taken = Array.from({ length: 5 }, () => restored.nextDue(Number.POSITIVE_INFINITY))
  expect(taken.map((timer) => timer && [timer.key, timer.keyHash, timer.timeMs])).toEqual([
    [["a", 1], 7, 10],
    ["d", 7, 10],
    ["c", 7, 10],
    ["b", 7, Number.POSITIVE_INFINITY],
    undefined,
  ])
})

it("TimerTable hands a failing sink's error to write()", () => {
  const queue = new TimerQueue<Key>(keyIdentity)
  queue.register("a", 1, 10)
  const capture = new TimerTable(queue).capture("all", {
    put() {
      throw new Error("disk full")
    },
  })
  expect(() => capture.write(1)).toThrowError("disk full")
})
