import { DEFAULT_KEY_GROUPS, keyGroupOf } from "./key-groups.ts"
import { type KeyIdentity, keyIdentity } from "./key-identity.ts"
import type { Key, KeyedStore } from "./keyed-store.ts"

/**
 * Keyed state on the JavaScript heap: one Map per key group, since a single Map ends the process at 2^24 entries, and
 * since a group is what moves when a job is rescaled.
 *
 * A lookup is one Map.get for a primitive key; a composite key is spelled out first. Values are kept by reference: who
 * changes one in place calls `set` all the same, because other stores need to be told.
 */
export class HeapKeyedStore<V> implements KeyedStore<V> {
  readonly #keyGroups: number
  readonly #values: (Map<KeyIdentity, V> | undefined)[]
  /** Per group, the original of every key whose identity is not the key itself: composite keys, and strings with a NUL in front. */
  readonly #originals: (Map<KeyIdentity, Key> | undefined)[]

  constructor(keyGroups: number = DEFAULT_KEY_GROUPS) {
    this.#keyGroups = keyGroups
    this.#values = new Array(keyGroups).fill(undefined)
    this.#originals = new Array(keyGroups).fill(undefined)
  }

  get(key: Key, keyHash: number): V | undefined {
    return this.#values[keyGroupOf(keyHash, this.#keyGroups)]?.get(keyIdentity(key))
  }

  set(key: Key, keyHash: number, value: V): void {
    const group = keyGroupOf(keyHash, this.#keyGroups)
    const identity = keyIdentity(key)
    let values = this.#values[group]
    if (values === undefined) {
      values = new Map()
      this.#values[group] = values
    }
    values.set(identity, value)
    // Both are strings or neither is: identity turns arrays into strings and lengthens some strings, nothing else.
    if (identity !== key && typeof identity === "string") this.#keepOriginal(group, identity, key)
  }

  delete(key: Key, keyHash: number): boolean {
    const group = keyGroupOf(keyHash, this.#keyGroups)
    const identity = keyIdentity(key)
    this.#originals[group]?.delete(identity)
    // A group that has emptied keeps its Map, which shrinks by itself: an iteration under way sees what is set next.
    return this.#values[group]?.delete(identity) ?? false
  }

  /** O(key groups). */
  get size(): number {
    let size = 0
    for (const values of this.#values) size += values?.size ?? 0
    return size
  }

  *entries(): IterableIterator<readonly [key: Key, value: V]> {
    for (let group = 0; group < this.#keyGroups; group++) {
      const values = this.#values[group]
      if (values === undefined) continue
      for (const [identity, value] of values) yield [this.#originals[group]?.get(identity) ?? identity, value]
    }
  }

  #keepOriginal(group: number, identity: KeyIdentity, key: Key): void {
    let originals = this.#originals[group]
    if (originals === undefined) {
      originals = new Map()
      this.#originals[group] = originals
    }
    // A copy: the caller may reuse its array for the next record's key.
    if (!originals.has(identity)) originals.set(identity, Array.isArray(key) ? key.slice() : key)
  }
}
