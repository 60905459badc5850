import { invariant } from "../errors/index.ts"
import { newCells } from "../records/index.ts"
import { BORN, EPOCH_STEP, LOADED, LOGGED } from "./_epochs.ts"
import { HeapCapture } from "./_heap-capture.ts"
import { KeyGroup, NOWHERE } from "./_key-group.ts"
import { EntryWriter } from "./entry-writer.ts"
import { DEFAULT_KEY_GROUPS, keyGroupOf } from "./key-groups.ts"
import type { Key, KeyedStore } from "./keyed-store.ts"
import type { StateCodec } from "./state-codec.ts"
import type { CaptureKind, ChangeSink, EntrySink, StateTable, TableCapture, TableEntry } from "./state-table.ts"

export interface HeapKeyedStoreOptions<V> {
  /** Names the state in snapshots and messages. */
  readonly name?: string
  /** For values that are no plain data. */
  readonly codec?: StateCodec<V> | undefined
  /** Whether "changes" can be captured. */
  readonly trackChanges?: boolean
  /** Entries that are logged together. Default 64 */
  readonly loggedTogether?: number
}

/** Of no key. */
const NO_HASH = -1
/** No epoch. */
const NEVER = -1
/** Few enough to be in the caches still. */
const LOGGED_TOGETHER = 64

/**
 * Keyed state on the JavaScript heap: a hash table per key group, so that growing is the work of some microseconds at a time,
 * and since a group is what moves when a job is rescaled.
 *
 * - Values are kept by reference. One that `get` or `entries` handed out may be changed in place until the next capture is
 *   taken, that is, until the end of the operator's call; then get it anew. Who changes one in place calls `set` all the
 *   same, because other stores need to be told.
 * - Time is cut in epochs, and every entry carries the one in which it was last touched; a capture begins a new one. While it
 *   runs, an entry of an earlier epoch is handed over before it is touched for the first time. Objects are touched by `get`
 *   too, since they may change in place; so they count as changed.
 * - What is touched, and was not in the epoch before, is logged soon after when there is a log: while it is in the caches. A capture
 *   would have to wait for memory for each key and value. What is touched in every epoch is near anyway, and would be written twice.
 *
 * Cost: a lookup is one look into the table. Watched (changes are tracked, or a capture runs), each touch compares one number
 * more; the first of an epoch notes the slot. A capture is taken in O(key groups).
 */
export class HeapKeyedStore<V> implements KeyedStore<V>, StateTable {
  readonly name: string
  readonly #keyGroups: number
  readonly #codec: StateCodec<V> | undefined
  readonly #groups: (KeyGroup<V> | undefined)[]
  readonly #tracks: boolean
  readonly #loggedTogether: number
  #capture: HeapCapture<V> | undefined
  #log: ChangeSink | undefined
  /**
   * Slots to be logged, each with its group: touched since the last time, and not for a while before. They are in no group's `changed`.
   * `#recent` of them count: the arrays stay as they are.
   */
  readonly #recentGroups = newCells<KeyGroup<V>>()
  readonly #recentSlots: number[] = []
  #recent = 0
  /** Whether touches matter to anyone: changes are tracked, or a capture runs. */
  #watched: boolean
  /** The present one. */
  #epoch = EPOCH_STEP
  /** The epoch that the last good capture began, or the one that runs: what was touched in it or later has changed since. */
  #capturedIn = EPOCH_STEP
  /** Where the key was that was got last: it is nearly always set next. */
  #lastKey: Key = ""
  #lastHash = NO_HASH
  #lastGroup: KeyGroup<V> | undefined
  #lastSlot = NOWHERE
  /** The epoch in which it was touched by that; NEVER when it was not, or was logged since. */
  #lastTouchedIn = NEVER

  constructor(keyGroups: number = DEFAULT_KEY_GROUPS, options: HeapKeyedStoreOptions<V> = {}) {
    this.name = options.name ?? "state"
    this.#keyGroups = keyGroups
    this.#codec = options.codec
    this.#groups = new Array(keyGroups).fill(undefined)
    this.#tracks = options.trackChanges === true
    this.#watched = this.#tracks
    this.#loggedTogether = options.loggedTogether ?? LOGGED_TOGETHER
  }

  get(key: Key, keyHash: number): V | undefined {
    const group = this.#groups[keyGroupOf(keyHash, this.#keyGroups)]
    if (group === undefined) return undefined
    const slot = group.find(key, keyHash | 0)
    if (slot === NOWHERE) return undefined
    this.#lastKey = key
    this.#lastHash = keyHash
    this.#lastGroup = group
    this.#lastSlot = slot
    const value = group.valueOf(slot)
    if (this.#watched && typeof value === "object") {
      this.#touch(group, slot)
      this.#lastTouchedIn = this.#epoch
    } else this.#lastTouchedIn = NEVER
    return value
  }

  set(key: Key, keyHash: number, value: V): void {
    // An array may have changed since.
    if (keyHash === this.#lastHash && key === this.#lastKey && typeof key !== "object") {
      const group = this.#lastGroup!
      if (this.#watched && this.#lastTouchedIn !== this.#epoch) this.#touch(group, this.#lastSlot)
      group.setValue(this.#lastSlot, value)
      return
    }
    const group = this.#groupAt(keyGroupOf(keyHash, this.#keyGroups))
    const slot = group.find(key, keyHash | 0)
    if (slot === NOWHERE) {
      this.#lastHash = NO_HASH
      // Slots may move.
      if (group.isFull) this.#captureRecent()
      const added = group.add(key, keyHash | 0, value, this.#epoch + BORN)
      // Where keys went, one of them may have come back: its deletion must be told before.
      if (this.#tracks) this.#noteChange(group, added, this.#log !== undefined && group.gone.length === 0)
      return
    }
    if (this.#watched) this.#touch(group, slot)
    group.setValue(slot, value)
  }

  delete(key: Key, keyHash: number): boolean {
    const group = this.#groups[keyGroupOf(keyHash, this.#keyGroups)]
    const slot = group?.find(key, keyHash | 0) ?? NOWHERE
    if (group === undefined || slot === NOWHERE) return false
    const epoch = group.epochOf(slot)
    if (this.#watched) this.#touch(group, slot)
    // One that came after the last capture is in none.
    const isNew = epoch >= this.#capturedIn && epoch % EPOCH_STEP === BORN
    if (this.#tracks && !isNew) group.gone.push(group.keyOf(slot)!)
    this.#lastHash = NO_HASH
    group.remove(slot)
    return true
  }

  /** O(key groups). */
  get size(): number {
    let size = 0
    for (const group of this.#groups) size += group?.size ?? 0
    return size
  }

  get entryCount(): number {
    return this.size
  }

  *entries(): IterableIterator<readonly [key: Key, value: V]> {
    for (let at = 0; at < this.#keyGroups; at++) {
      const group = this.#groups[at]
      if (group === undefined) continue
      group.pins += 1
      try {
        for (let slot = 0; slot < group.slots; slot++) {
          const key = group.keyOf(slot)
          if (key === undefined) continue
          const value = group.valueOf(slot)
          if (this.#watched && typeof value === "object") this.#touch(group, slot)
          yield [Array.isArray(key) ? key.slice() : key, value]
        }
      } finally {
        group.pins -= 1
      }
    }
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    const { name } = this
    invariant(this.#capture === undefined, () => `state "${name}" is captured while a capture of it runs`)
    invariant(kind === "all" || this.#tracks, () => `changes of state "${name}" are captured, but not tracked`)
    const before = this.#capturedIn
    const epoch = this.#epoch + EPOCH_STEP
    this.#epoch = epoch
    this.#capturedIn = epoch
    this.#captureRecent()
    for (const group of this.#groups) group?.take()
    const groups = this.#groups.filter((group) => group !== undefined)
    const capture = new HeapCapture<V>({
      groups,
      changesOnly: kind === "changes",
      sinceEpoch: kind === "changes" ? before : LOADED,
      epoch,
      writer: new EntryWriter<V>(name, into, this.#codec && ((value) => this.#codec!.encode(value))),
      onEnd: () => {
        if (this.#capture !== capture) return
        this.#capture = undefined
        this.#watched = this.#tracks
      },
      onCancel: () => {
        // What the next one took cannot be told from what this one did.
        invariant(this.#epoch === epoch, () => `a capture of state "${name}" is cancelled after the next was taken`)
        this.#capturedIn = Math.min(this.#capturedIn, before)
        for (const group of groups) group.takeBack()
      },
    })
    this.#capture = capture
    this.#watched = true
    return capture
  }

  logTo(log: ChangeSink): void {
    invariant(this.#tracks, () => `changes of state "${this.name}" are logged, but not tracked`)
    // To encode a value costs more than to wait for it: twice is once too often.
    if (this.#codec === undefined) this.#log = log
  }

  logChanges(): void {
    const recent = this.#recent
    if (recent < this.#loggedTogether) return
    const log = this.#log!
    if (log.full) {
      this.#captureRecent()
      return
    }
    const epoch = this.#epoch - EPOCH_STEP + LOGGED
    const keys = newCells<Key>(recent)
    const values = newCells<V>(recent)
    let count = 0
    for (let at = 0; at < recent; at++) {
      const group = this.#recentGroups[at]!
      const slot = this.#recentSlots[at]!
      const key = group.keyOf(slot)
      // It has gone.
      if (key === undefined) continue
      keys[count] = key
      values[count++] = group.valueOf(slot)
      group.setEpoch(slot, epoch)
    }
    keys.length = count
    values.length = count
    this.#recent = 0
    this.#lastTouchedIn = NEVER
    log.put(keys, values)
  }

  load(entry: TableEntry): void {
    invariant(this.#capture === undefined, () => `state "${this.name}" is restored while a capture of it runs`)
    const hash = entry.keyHash | 0
    const group = this.#groupAt(keyGroupOf(entry.keyHash, this.#keyGroups))
    const slot = group.find(entry.key, hash)
    this.#lastHash = NO_HASH
    if (entry.deleted) {
      if (slot !== NOWHERE) group.remove(slot)
      return
    }
    const value = this.#codec === undefined ? (entry.value as V) : this.#codec.decode(entry.value)
    if (slot === NOWHERE) group.add(entry.key, hash, value, LOADED)
    else group.setValue(slot, value)
  }

  #groupAt(at: number): KeyGroup<V> {
    let group = this.#groups[at]
    if (group === undefined) {
      group = new KeyGroup<V>()
      this.#groups[at] = group
    }
    return group
  }

  #touch(group: KeyGroup<V>, slot: number): void {
    if (group.epochOf(slot) < this.#epoch) this.#touchFirst(group, slot)
  }

  /** For the first time in this epoch, or since it was logged. */
  #touchFirst(group: KeyGroup<V>, slot: number): void {
    const touchedIn = group.epochOf(slot)
    this.#capture?.touch(group, slot)
    group.setEpoch(slot, this.#epoch)
    if (this.#tracks) this.#noteChange(group, slot, this.#log !== undefined && touchedIn < this.#epoch - EPOCH_STEP)
  }

  #noteChange(group: KeyGroup<V>, slot: number, isRecent: boolean): void {
    if (!isRecent) {
      group.changed.push(slot)
      return
    }
    const at = this.#recent++
    this.#recentGroups[at] = group
    this.#recentSlots[at] = slot
  }

  /** What has not been logged is captured. */
  #captureRecent(): void {
    for (let at = 0; at < this.#recent; at++) this.#recentGroups[at]!.changed.push(this.#recentSlots[at]!)
    this.#recent = 0
  }
}
