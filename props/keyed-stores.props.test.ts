import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { MsgpackCodec } from "../src/records/index.ts"
import { DiskKeyedStore } from "../src/state/disk/disk-keyed-store.ts"
import { type LmdbBytes, openLmdb } from "../src/state/disk/open-lmdb.ts"
import { SortedBytes } from "../src/state/disk/sorted-bytes.ts"
import {
  HeapKeyedStore,
  hashKey,
  type Key,
  type KeyedStore,
  keyGroupOf,
  keyIdentity,
  type StateTable,
  type TableCapture,
  type TableEntry,
} from "../src/state/index.ts"

interface Held {
  list: number[]
}
type Store = KeyedStore<Held> & StateTable

const BACKENDS = ["heap", "sorted", "lmdb"] as const
const codec = new MsgpackCodec()

let directory: string
let lmdb: LmdbBytes
let tables = 0
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-stores-"))
  lmdb = await openLmdb(join(directory, "env"))
})
afterAll(async () => {
  await lmdb.close()
  rmSync(directory, { recursive: true })
})

function newStore(backend: (typeof BACKENDS)[number], keyGroups: number): Store {
  if (backend === "heap")
    return new HeapKeyedStore<Held>(keyGroups, { name: "held", trackChanges: true, loggedTogether: 1 })
  // A table of its own for every store of a run.
  tables = (tables + 1) % 65_536
  const bytes = backend === "lmdb" ? lmdb : new SortedBytes()
  return new DiskKeyedStore<Held>({ name: "held", keyGroups, table: tables, bytes, trackChanges: true, maxPending: 3 })
}

const placeOf = (key: Key): string => `${typeof keyIdentity(key)} ${String(keyIdentity(key))}`

/** The content that a chain of captures adds up to. */
function fold(chain: readonly (readonly TableEntry[])[]): Map<string, unknown> {
  const content = new Map<string, unknown>()
  for (const { key, value, deleted } of chain.flat()) {
    if (deleted) content.delete(placeOf(key))
    else content.set(placeOf(key), value)
  }
  return content
}

const keyPart = fc.oneof(
  fc.constantFrom(
    "a",
    "",
    "\u0000",
    "\u0000[",
    "\ufeff",
    "\ud800",
    0,
    -0,
    -1.5,
    Number.NaN,
    true,
    false,
    0n,
    2n ** 70n,
  ),
  fc.string({ maxLength: 4, unit: "binary" }),
  // Beyond what LMDB takes as a key.
  fc.constantFrom("x".repeat(2_000), "y".repeat(2_000)),
)
const key: fc.Arbitrary<Key> = fc.oneof(keyPart, fc.array(keyPart, { maxLength: 3 }))
const KINDS = [
  "get", "set", "set", "change", "change", "delete", "entries", "capture", "changes", "write", "write", "cancel", "move", "log",
  "log", "full",
] as const // biome-ignore format: a list

interface History {
  readonly keys: readonly Key[]
  readonly keyGroups: number
  readonly backend: (typeof BACKENDS)[number]
  readonly steps: readonly {
    readonly kind: (typeof KINDS)[number]
    readonly index: number
    readonly n: number
    readonly backend: (typeof BACKENDS)[number]
  }[]
}

const stepsOf = (kinds: readonly (typeof KINDS)[number][]) =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      index: fc.nat(11),
      n: fc.integer({ min: 1, max: 9 }),
      backend: fc.constantFrom(...BACKENDS),
    }),
    { maxLength: 80, size: "max" },
  )

const history: fc.Arbitrary<History> = fc.record({
  keys: fc.uniqueArray(key, { minLength: 1, maxLength: 12, selector: placeOf }),
  keyGroups: fc.constantFrom(1, 3, 128),
  backend: fc.constantFrom(...BACKENDS),
  steps: stepsOf(KINDS),
})

/** Few keys, so that each is logged, deleted and captured in every order. */
const logging: fc.Arbitrary<History> = fc.record({
  keys: fc.constantFrom<readonly Key[]>(["a"], ["a", "b"]),
  keyGroups: fc.constantFrom(1, 3),
  backend: fc.constant("heap"),
  steps: stepsOf(["get", "set", "set", "delete", "log", "log", "changes", "changes", "write", "cancel", "cancel"]),
})

/** What a run of the laws has met. */
interface Met {
  readonly moves: Map<string, number>
  logged: number
}

/** Does what `history` says to a store and to a plain Map. */
function live({ keys, keyGroups, backend, steps }: History, met: Met): void {
  const model = new Map<string, Held>()
  let store = newStore(backend, keyGroups)
  let kind: string = backend
  let chain: (readonly TableEntry[])[] = []
  let running:
    | {
        capture: TableCapture
        logged: TableEntry[]
        entries: TableEntry[]
        expected: Map<string, unknown>
        all: boolean
      }
    | undefined
  // What the table logged since the last capture was taken; another step may come between its change and the logging.
  let log: TableEntry[] = []
  let logIsFull = false
  const logChanges = (): void => {
    store.logTo?.({
      put: (keys, values) => {
        for (const [at, of] of keys.entries()) {
          const entry = { keyHash: hashKey(of), key: of, namespace: null, value: values[at], deleted: false }
          log.push(codec.decode(codec.encode([entry]))[0] as TableEntry)
        }
      },
      get full() {
        return logIsFull
      },
    })
    store.logChanges?.()
  }
  const cancel = (): void => {
    if (running === undefined) return
    running.capture.cancel()
    log = [...running.logged, ...log]
    running = undefined
  }
  const begin = (all: boolean): void => {
    if (running !== undefined) return
    const entries: TableEntry[] = []
    const put = (entry: TableEntry): void =>
      void entries.push(codec.decode(codec.encode([{ ...entry }]))[0] as TableEntry)
    const whole = all || chain.length === 0
    const expected = structuredClone(model)
    const logged = log
    log = []
    running = { capture: store.capture(whole ? "all" : "changes", { put }), logged, entries, expected, all: whole }
  }
  const write = (budget: number): void => {
    if (running?.capture.write(budget) !== true) return
    chain = running.all ? [running.entries] : [...chain, running.logged, running.entries]
    expect(fold(chain)).toEqual(running.expected)
    for (const { key: of, keyHash } of chain.flat()) expect(keyHash).toBe(hashKey(of))
    running = undefined
  }
  for (const { kind: what, index, n, backend: other } of steps) {
    const at = keys[index % keys.length]!
    const [hash, place] = [hashKey(at), placeOf(at)]
    if (what === "get") expect(store.get(at, hash)).toEqual(model.get(place))
    else if (what === "set") {
      store.set(at, hash, { list: [n] })
      model.set(place, { list: [n] })
    } else if (what === "change") {
      const held = store.get(at, hash)
      if (held === undefined) continue
      held.list.push(n)
      store.set(at, hash, held)
      model.get(place)!.list.push(n)
    } else if (what === "delete") expect(store.delete(at, hash)).toBe(model.delete(place))
    else if (what === "entries") {
      const seen = new Map<string, Held>()
      let group = 0
      for (const [of, value] of store.entries()) {
        expect(keyGroupOf(hashKey(of), keyGroups)).toBeGreaterThanOrEqual(group)
        group = keyGroupOf(hashKey(of), keyGroups)
        // Deletes the one asked for, and sees it.
        if (seen.size === 0 && placeOf(of) !== place) {
          store.delete(at, hash)
          model.delete(place)
        }
        seen.set(placeOf(of), structuredClone(value))
      }
      expect(seen).toEqual(model)
      expect(store.size).toBe(model.size)
    } else if (what === "capture" || what === "changes") begin(what === "capture")
    else if (what === "write") write(n)
    else if (what === "cancel") cancel()
    else if (what === "log") {
      const before = log.length
      logChanges()
      met.logged += log.length - before
    } else if (what === "full") logIsFull = !logIsFull
    else {
      begin(n < 5)
      write(Number.POSITIVE_INFINITY)
      begin(n < 5)
      write(Number.POSITIVE_INFINITY)
      met.moves.set(`${kind} to ${other}`, (met.moves.get(`${kind} to ${other}`) ?? 0) + 1)
      kind = other
      store = newStore(other, keyGroups)
      log = []
      for (const entry of chain.flat()) store.load(structuredClone(entry), 0)
    }
  }
  cancel()
  for (const all of [false, true]) {
    begin(all)
    write(Number.POSITIVE_INFINITY)
  }
}

describe("ST-1, ST-2, ST-3, ST-4, ST-7: every keyed store", () => {
  it("answers as a plain Map, captures what it held, and goes on in another store from what was captured", () => {
    const met: Met = { moves: new Map(), logged: 0 }
    fc.assert(fc.property(history, (of) => live(of, met)))
    expect(met.moves.size).toBe(BACKENDS.length ** 2)
    expect(met.logged).toBeGreaterThan(0)
  })

  it("logs what the captures after it need not hold, whatever comes back, goes, and is cancelled", () => {
    const met: Met = { moves: new Map(), logged: 0 }
    fc.assert(fc.property(logging, (of) => live(of, met)))
    expect(met.logged).toBeGreaterThan(0)
  })
})
