import { type Key, KeyIndex } from "../state/index.ts"
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

/**
 * A window's keys are in one index up to so many, then spread over SHARDS: one of 150,000 takes milliseconds in the call that
 * makes it grow.
 */
const MAX_KEYS_IN_ONE_INDEX = 4_096
const SHARDS = 128

/**
 * One window and its accumulators, by key. Keys are kept in the order in which they first came: results leave in it.
 *
 * Lookup is one look into an index. (Not one per key group from the start as in HeapKeyedStore: a job has many windows open whose
 * keys are few.)
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
  /** Entries before this one have fired, once it is due. */
  cursor = 0
  #nextSequence = 0
  #onTime: WindowPane | undefined
  /** One, or SHARDS. */
  #shards: KeyIndex<PaneEntry<K, Acc>>[] = [new KeyIndex()]

  constructor(start: number, end: number, epoch: number) {
    this.window = Object.freeze({ start, end })
    this.start = start
    this.end = end
    this.openedIn = epoch
    this.touchedIn = epoch
  }

  /** What a first result on time says of itself: one for all keys. */
  onTime(last: boolean): WindowPane {
    this.#onTime ??= Object.freeze({ window: this.window, index: 0, timing: "on-time", last, retraction: false })
    return this.#onTime
  }

  find(key: K, keyHash: number): PaneEntry<K, Acc> | undefined {
    return this.#shardOf(keyHash).get(key, keyHash)
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
    const known = this.find(key, keyHash)
    if (known === undefined) {
      this.#append({ key, keyHash, accumulator, sequence, epoch: LOADED, firings })
    } else {
      known.accumulator = accumulator
      known.sequence = sequence
      known.firings = firings
    }
  }

  /** Takes back what was loaded for a key. */
  unload(key: K, keyHash: number): void {
    const shard = this.#shardOf(keyHash)
    const entry = shard.get(key, keyHash)
    if (entry === undefined) return
    entry.sequence = REMOVED
    shard.delete(entry)
  }

  /** Puts loaded entries in the order in which their keys first came. */
  settle(): void {
    this.entries = this.entries.filter(({ sequence }) => sequence !== REMOVED).sort((a, b) => a.sequence - b.sequence)
  }

  #append(entry: PaneEntry<K, Acc>): PaneEntry<K, Acc> {
    if (this.#shards.length === 1 && this.#shards[0]!.size >= MAX_KEYS_IN_ONE_INDEX) this.#spread()
    this.#shardOf(entry.keyHash).add(entry)
    // The first push onto an empty list would make room for 17: a quarter of a window that one key has.
    if (this.entries.length === 0) this.entries = [entry]
    else this.entries.push(entry)
    return entry
  }

  #shardOf(keyHash: number): KeyIndex<PaneEntry<K, Acc>> {
    const shards = this.#shards
    // The upper half: the lower bits are what the keys of one subtask may have in common.
    return shards.length === 1 ? shards[0]! : shards[(keyHash >>> 16) % SHARDS]!
  }

  #spread(): void {
    const [one] = this.#shards
    this.#shards = Array.from({ length: SHARDS }, () => new KeyIndex())
    for (const entry of one!) this.#shardOf(entry.keyHash).add(entry)
  }
}
