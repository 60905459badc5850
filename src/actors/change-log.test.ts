import { describe, expect, test } from "vitest"
import type { BlockInput } from "../snapshot/store/index.ts"
import { HeapKeyedStore, hashKey } from "../state/index.ts"
import { ChangeLog } from "./change-log.ts"
import { decodeEntries } from "./entry-block.ts"
import { SubtaskSnapshot } from "./subtask-snapshot.ts"

function newStore(): { store: HeapKeyedStore<unknown>; log: ChangeLog } {
  const store = new HeapKeyedStore<unknown>(8, { trackChanges: true, loggedTogether: 1 })
  return { store, log: new ChangeLog("count", store) }
}

function set(store: HeapKeyedStore<unknown>, key: string, value: unknown): void {
  store.set(key, hashKey(key), value)
}

/** Captures nothing that anybody keeps: an epoch goes by. */
function pass(store: HeapKeyedStore<unknown>): void {
  store.capture("changes", { put: () => undefined }).write(Number.POSITIVE_INFINITY)
}

const entriesOf = (blocks: readonly BlockInput[]) =>
  blocks.flatMap(({ bytes }) => decodeEntries(bytes)).map(({ key, value }) => [key, value])

describe("ChangeLog", () => {
  test("has what was touched first for a while, as it was when it was logged", () => {
    const { store, log } = newStore()
    const value = { n: 1 }
    set(store, "a", value)
    store.logChanges()
    value.n = 2
    set(store, "b", 7)
    store.logChanges()
    expect(entriesOf(log.take().blocks)).toEqual([
      ["a", { n: 1 }],
      ["b", 7],
    ])
  })

  test("leaves to the capture what is touched again, and what was touched in the epoch before", () => {
    const { store, log } = newStore()
    set(store, "a", 1)
    store.logChanges()
    set(store, "a", 2)
    store.logChanges()
    expect(entriesOf(log.take().blocks)).toEqual([["a", 1]])
    const captured: unknown[] = []
    store.capture("changes", { put: ({ key, value }) => void captured.push([key, value]) }).write(100)
    expect(captured).toEqual([["a", 2]])
    set(store, "a", 3)
    store.logChanges()
    expect(log.take().blocks).toEqual([])
    pass(store)
    pass(store)
    set(store, "a", 4)
    store.logChanges()
    expect(entriesOf(log.take().blocks)).toEqual([["a", 4]])
  })

  test("has what it is given back before what was logged meanwhile", () => {
    const { store, log } = newStore()
    set(store, "a", 1)
    store.logChanges()
    const taken = log.take()
    pass(store)
    pass(store)
    set(store, "a", 2)
    store.logChanges()
    log.putBack(taken)
    expect(entriesOf(log.take().blocks)).toEqual([
      ["a", 1],
      ["a", 2],
    ])
  })

  test("is not whole when something cannot be written, until all is captured", () => {
    const { store, log } = newStore()
    set(store, "a", () => 1)
    store.logChanges()
    expect(log.finish()).toBe(false)
    const taken = log.take()
    expect(log.finish()).toBe(true)
    log.putBack(taken)
    expect(log.finish()).toBe(false)
  })

  test("takes 8 MiB, and then leaves all to the capture", () => {
    const { store, log } = newStore()
    const large = "x".repeat(1_000_000)
    for (let n = 0; n < 20; n++) {
      set(store, `key ${n}`, [large, n])
      store.logChanges()
    }
    const captured: unknown[] = []
    const logged = entriesOf(log.take().blocks).length
    expect(logged).toBeGreaterThanOrEqual(8)
    store.capture("changes", { put: ({ key }) => void captured.push(key) }).write(100)
    expect(captured).toHaveLength(20 - logged)
  })
})

test("a snapshot writes more than may wait for the disk when it was logged before", async () => {
  const { store, log } = newStore()
  for (let n = 0; n < 12; n++) {
    set(store, `key ${n}`, ["x".repeat(1_000_000), n])
    store.logChanges()
  }
  let written = 0
  const snapshot = new SubtaskSnapshot({
    checkpointId: 1,
    kind: "changes",
    standsAlone: false,
    tables: [{ operatorId: "count", table: store }],
    values: [],
    logs: [log],
    keyGroups: 8,
    now: () => 0,
    createPart: async () =>
      ({
        append: async (block: BlockInput) => {
          written += block.entries
        },
        finish: async () => undefined,
        abort: async () => undefined,
      }) as never,
    wake: () => undefined,
  })
  for (let turns = 0; !snapshot.done; turns++) {
    expect(turns).toBeLessThan(100)
    snapshot.step()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(written).toBe(12)
})
