import { type Key, type KeyIdentity, keyIdentity } from "../state/index.ts"
import type { TimeWindow } from "./window.ts"

/** What a window holds for one key. The hash is kept for snapshots per key group. */
export interface PaneEntry<K extends Key, Acc> {
  readonly key: K
  readonly keyHash: number
  accumulator: Acc
}

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
  readonly entries: PaneEntry<K, Acc>[] = []
  readonly #maxKeysPerMap: number
  /** New keys go to the newest; the ones before it are full. */
  #newest = new Map<KeyIdentity, PaneEntry<K, Acc>>()
  readonly #full: Map<KeyIdentity, PaneEntry<K, Acc>>[] = []

  constructor(start: number, end: number, maxKeysPerMap: number = MAX_KEYS_PER_MAP) {
    this.window = Object.freeze({ start, end })
    this.start = start
    this.end = end
    this.#maxKeysPerMap = maxKeysPerMap
  }

  find(identity: KeyIdentity): PaneEntry<K, Acc> | undefined {
    const entry = this.#newest.get(identity)
    return entry !== undefined || this.#full.length === 0 ? entry : this.#findInFull(identity)
  }

  /** Adds a key that `find` did not find. */
  add(key: K, keyHash: number, accumulator: Acc): PaneEntry<K, Acc> {
    if (this.#newest.size >= this.#maxKeysPerMap) {
      this.#full.push(this.#newest)
      this.#newest = new Map()
    }
    // A composite key is copied: the caller may reuse its array for the next record's key.
    const entry = { key: Array.isArray(key) ? (key.slice() as unknown as K) : key, keyHash, accumulator }
    this.#newest.set(keyIdentity(key), entry)
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
