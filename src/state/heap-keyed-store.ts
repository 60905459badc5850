import { invariant } from "../errors/index.ts"
import { type Groups, HeapCapture } from "./_heap-capture.ts"
import { EntryWriter } from "./entry-writer.ts"
import { DEFAULT_KEY_GROUPS, keyGroupOf } from "./key-groups.ts"
import { type KeyIdentity, keyIdentity } from "./key-identity.ts"
import { keyOfIdentity } from "./key-of-identity.ts"
import type { Key, KeyedStore } from "./keyed-store.ts"
import type { StateCodec } from "./state-codec.ts"
import type { CaptureKind, EntrySink, StateTable, TableCapture, TableEntry } from "./state-table.ts"

export interface HeapKeyedStoreOptions<V> {
  /** Names the state in snapshots and messages. */
  readonly name?: string
  /** For values that are no plain data. */
  readonly codec?: StateCodec<V> | undefined
  /** Whether "changes" can be captured. */
  readonly trackChanges?: boolean
}

/**
 * Keyed state on the JavaScript heap: one Map per key group, since a single Map ends the process at 2^24 entries, and
 * since a group is what moves when a job is rescaled.
 *
 * - Values are kept by reference. One that `get` or `entries` handed out may be changed in place until the next capture is
 *   taken, that is, until the end of the operator's call; then get it anew. Who changes one in place calls `set` all the
 *   same, because other stores need to be told.
 * - Captures are written on touch: while one runs, an entry that is about to be touched, and was not handed over, is handed
 *   over first. Objects are touched by `get` too, since they may change in place; so they count as changed.
 *
 * Cost: a lookup is one Map.get for a primitive key; a composite key is spelled out first. Without a running capture and
 * without tracking, one check of a flag more; with tracking, a Set.add per touch. A capture is taken in O(key groups).
 */
export class HeapKeyedStore<V> implements KeyedStore<V>, StateTable {
  readonly name: string
  readonly #keyGroups: number
  readonly #codec: StateCodec<V> | undefined
  readonly #values: Groups<Map<KeyIdentity, V>>
  /** Keys touched since the last capture, when changes are tracked. */
  #changed: Groups<Set<KeyIdentity>> | undefined
  /** The key that was added to `#changed` last: it is nearly always got and set in turn. */
  #lastChanged: KeyIdentity | undefined
  #capture: HeapCapture<V> | undefined
  /** Whether touches matter to anyone: changes are tracked, or a capture runs. */
  #watched: boolean

  constructor(keyGroups: number = DEFAULT_KEY_GROUPS, options: HeapKeyedStoreOptions<V> = {}) {
    this.name = options.name ?? "state"
    this.#keyGroups = keyGroups
    this.#codec = options.codec
    this.#values = new Array(keyGroups).fill(undefined)
    this.#changed = options.trackChanges === true ? new Array(keyGroups).fill(undefined) : undefined
    this.#watched = this.#changed !== undefined
  }

  get(key: Key, keyHash: number): V | undefined {
    const group = keyGroupOf(keyHash, this.#keyGroups)
    const identity = keyIdentity(key)
    const value = this.#values[group]?.get(identity)
    if (this.#watched && typeof value === "object") this.#touch(group, identity)
    return value
  }

  set(key: Key, keyHash: number, value: V): void {
    const group = keyGroupOf(keyHash, this.#keyGroups)
    const identity = keyIdentity(key)
    if (this.#watched) this.#touch(group, identity)
    this.#groupAt(group).set(identity, value)
  }

  delete(key: Key, keyHash: number): boolean {
    const group = keyGroupOf(keyHash, this.#keyGroups)
    const identity = keyIdentity(key)
    const values = this.#values[group]
    if (this.#watched && values?.has(identity) === true) this.#touch(group, identity)
    // A group that has emptied keeps its Map, which shrinks by itself: an iteration under way sees what is set next.
    return values?.delete(identity) ?? false
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
      for (const [identity, value] of values) {
        if (this.#watched && typeof value === "object") this.#touch(group, identity)
        yield [keyOfIdentity(identity), value]
      }
    }
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    const { name } = this
    invariant(this.#capture === undefined, () => `state "${name}" is captured while a capture of it runs`)
    const changed = this.#changed
    invariant(kind === "all" || changed !== undefined, () => `changes of state "${name}" are captured, but not tracked`)
    const capture = new HeapCapture<V>({
      values: this.#values,
      changed: kind === "changes" ? changed : undefined,
      writer: new EntryWriter<V>(name, into, this.#codec && ((value) => this.#codec!.encode(value))),
      onEnd: () => {
        if (this.#capture !== capture) return
        this.#capture = undefined
        this.#watched = this.#changed !== undefined
      },
      onCancel: () => this.#takeBack(changed),
    })
    this.#capture = capture
    this.#watched = true
    if (changed !== undefined) this.#changed = new Array(this.#keyGroups).fill(undefined)
    this.#lastChanged = undefined
    return capture
  }

  load(entry: TableEntry): void {
    invariant(this.#capture === undefined, () => `state "${this.name}" is restored while a capture of it runs`)
    const group = keyGroupOf(entry.keyHash, this.#keyGroups)
    const identity = keyIdentity(entry.key)
    if (entry.deleted) this.#values[group]?.delete(identity)
    else
      this.#groupAt(group).set(
        identity,
        this.#codec === undefined ? (entry.value as V) : this.#codec.decode(entry.value),
      )
  }

  #groupAt(group: number): Map<KeyIdentity, V> {
    let values = this.#values[group]
    if (values === undefined) {
      values = new Map()
      this.#values[group] = values
    }
    return values
  }

  #touch(group: number, identity: KeyIdentity): void {
    this.#capture?.touch(group, identity)
    const changed = this.#changed
    if (changed === undefined || identity === this.#lastChanged) return
    this.#lastChanged = identity
    changedIn(changed, group).add(identity)
  }

  /** Counts what a capture took as changed again: it may be so once too often, which does no harm. */
  #takeBack(taken: Readonly<Groups<ReadonlySet<KeyIdentity>>> | undefined): void {
    const changed = this.#changed
    if (taken === undefined || changed === undefined) return
    for (const [group, identities] of taken.entries()) {
      if (identities === undefined) continue
      const ofGroup = changedIn(changed, group)
      for (const identity of identities) ofGroup.add(identity)
    }
  }
}

function changedIn(changed: Groups<Set<KeyIdentity>>, group: number): Set<KeyIdentity> {
  let ofGroup = changed[group]
  if (ofGroup === undefined) {
    ofGroup = new Set()
    changed[group] = ofGroup
  }
  return ofGroup
}
