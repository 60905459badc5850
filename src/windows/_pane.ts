import { type Key, type KeyIdentity, keyIdentity } from "../state/index.ts"
import type { TimeWindow, WindowPane } from "./window.ts"

/** What a window holds for one key. The hash is kept for snapshots per key group. */
export interface PaneEntry<K extends Key, Acc> {
  readonly key: K
  readonly keyHash: number
  accumulator: Acc
  /** Rises in the order in which keys first came; REMOVED for one that a later part of the snapshot took back. */
  sequence: number
  /** When it was last touched, or handed over to a capture: an epoch of the table (_pane-table.ts). */
  epoch: number
  /** How often it has left, where windows may fire again. */
  firings: number
}

/** The epoch of what was loaded from a snapshot and not touched since. */
export const LOADED = -1
const REMOVED = -1

/** A Map may not hold more than 2^24 entries; growing to that from here is still allowed. */
const MAX_KEYS_PER_MAP = 2 ** 23

/**
 * One window and its accumulators, by key. Keys are kept in the order in which they first came: results leave in it.
 *
 * Lookup is one Map.get up to MAX_KEYS_PER_MAP keys, one more for each such number beyond. (Not a Map per key group as in
 * HeapKeyedStore: a job has many windows open whose keys are few.)
 */
export class Pane<K extends Key, Acc> {
  /** Handed out with every result of the window, hence frozen. */
  readonly window: TimeWindow
  readonly start: number
  readonly end: number
  entries: PaneEntry<K, Acc>[] = []
  /** Epoch in which it was opened, and the last one in which an entry was touched. */
  readonly openedIn: number
  touchedIn: number
  /** The watermark has reached its last millisecond. */
  due = false
  /** Entries before this one have fired, once it is due. */
  cursor = 0
  #nextSequence = 0
  #onTime: WindowPane | undefined
  readonly #maxKeysPerMap: number
  /** New keys go to the newest; the ones before it are full. */
  #newest = new Map<KeyIdentity, PaneEntry<K, Acc>>()
  readonly #full: Map<KeyIdentity, PaneEntry<K, Acc>>[] = []

  constructor(start: number, end: number, epoch: number, maxKeysPerMap: number = MAX_KEYS_PER_MAP) {
    this.window = Object.freeze({ start, end })
    this.start = start
    this.end = end
    this.openedIn = epoch
    this.touchedIn = epoch
    this.#maxKeysPerMap = maxKeysPerMap
  }

  /** What a first result on time says of itself: one for all keys. */
  onTime(last: boolean): WindowPane {
    this.#onTime ??= Object.freeze({ window: this.window, index: 0, timing: "on-time", last, retraction: false })
    return this.#onTime
  }

  find(identity: KeyIdentity): PaneEntry<K, Acc> | undefined {
    const entry = this.#newest.get(identity)
    return entry !== undefined || this.#full.length === 0 ? entry : this.#findInFull(identity)
  }

  /** Adds a key that `find` did not find. */
  add(key: K, keyHash: number, accumulator: Acc, epoch: number): PaneEntry<K, Acc> {
    this.touchedIn = epoch
    // A composite key is copied: the caller may reuse its array for the next record's key.
    const own = Array.isArray(key) ? (key.slice() as unknown as K) : key
    return this.#append({ key: own, keyHash, accumulator, sequence: this.#nextSequence++, epoch, firings: 0 })
  }

  /** Loads an entry of a snapshot, in place of one of its key. Call `settle` when all are loaded. */
  load(key: K, keyHash: number, sequence: number, accumulator: Acc, firings: number): void {
    if (sequence >= this.#nextSequence) this.#nextSequence = sequence + 1
    const known = this.find(keyIdentity(key))
    if (known === undefined) {
      this.#append({ key, keyHash, accumulator, sequence, epoch: LOADED, firings })
    } else {
      known.accumulator = accumulator
      known.sequence = sequence
      known.firings = firings
    }
  }

  /** Takes back what was loaded for a key. */
  unload(key: K): void {
    const identity = keyIdentity(key)
    const entry = this.find(identity)
    if (entry === undefined) return
    entry.sequence = REMOVED
    for (const map of [this.#newest, ...this.#full]) map.delete(identity)
  }

  /** Puts loaded entries in the order in which their keys first came. */
  settle(): void {
    this.entries = this.entries.filter(({ sequence }) => sequence !== REMOVED).sort((a, b) => a.sequence - b.sequence)
  }

  #append(entry: PaneEntry<K, Acc>): PaneEntry<K, Acc> {
    if (this.#newest.size >= this.#maxKeysPerMap) {
      this.#full.push(this.#newest)
      this.#newest = new Map()
    }
    this.#newest.set(keyIdentity(entry.key), entry)
    this.entries.push(entry)
    return entry
  }

  #findInFull(identity: KeyIdentity): PaneEntry<K, Acc> | undefined {
    for (const map of this.#full) {
      const entry = map.get(identity)
      if (entry !== undefined) return entry
    }
    return undefined
  }
}
