import { invariant } from "../errors/index.ts"
import {
  type CaptureKind,
  type EntrySink,
  EntryWriter,
  type Key,
  type KeyIdentity,
  keyIdentity,
  type StateCodec,
  type StateTable,
  type TableCapture,
  type TableEntry,
} from "../state/index.ts"
import { placeOf } from "./_combination.ts"
import { LOADED, type SliceEntry, SliceKey } from "./_slice-key.ts"

/** Keys are spread over so many Maps: one of 150,000 keys would take 10 ms whenever it grows or shrinks. */
const SHARDS = 128
/** Slices that are gone are taken out of a key's list when they are so many, and an eighth of it. */
const MIN_GONE = 32
const MOST_GONE = 8

/** Where a pass over the keys stands that fires one window for each. */
export interface Pass {
  /** The end of the window. */
  readonly end: number
  /** Keys before this one have fired it. */
  readonly cursor: number
  /** All keys have fired the windows up to this end. */
  readonly firedTo: number
}

/** What is saved of a key beside its slices. */
interface KeyRow {
  readonly sequence: number
  readonly firedTo: number | null
  readonly firings: readonly (readonly [number, number])[] | null
}

/** Deleted from the table, and held by an earlier snapshot. */
interface Removed {
  readonly key: Key
  readonly keyHash: number
  readonly namespace: number | null
}

/**
 * Slices by key, as a state table: the namespace is a slice's start, the value its accumulator; with the namespace null, what
 * is known of the key. Epochs work as in _pane-table.ts.
 *
 * A capture in the middle of a pass also says of every key which windows it has fired.
 */
export class SliceTable<K extends Key, Acc> implements StateTable {
  readonly name = "$slices"
  readonly #codec: StateCodec<Acc> | undefined
  readonly #pass: () => Pass | undefined
  readonly #shards = Array.from({ length: SHARDS }, () => new Map<KeyIdentity, SliceKey<K, Acc>>())
  /** In the order in which they first came; those that are gone stay until `compact`. */
  #keys: SliceKey<K, Acc>[] = []
  /** What `#keys` will be: those before `from` that are not gone. */
  #compacted: { readonly keys: SliceKey<K, Acc>[]; from: number } | undefined
  #live = 0
  #sequence = 0
  #nextRank = 0
  #capture: SliceCapture<K, Acc> | undefined
  #capturedIn = 0
  #removed: Removed[] | undefined
  /** Even. */
  epoch = 0

  /** @param pass where the operator's firing stands, undefined when it does not fire */
  constructor(options: { readonly codec: StateCodec<Acc> | undefined; pass(): Pass | undefined }) {
    this.#codec = options.codec
    this.#pass = options.pass
  }

  trackChanges(): void {
    this.#removed ??= []
  }

  /** In the order in which they first came. Some may be gone. */
  get keys(): readonly SliceKey<K, Acc>[] {
    return this.#keys
  }

  get capturing(): boolean {
    return this.#capture !== undefined
  }

  /** Keys with slices. */
  get size(): number {
    return this.#live
  }

  find(identity: KeyIdentity, keyHash: number): SliceKey<K, Acc> | undefined {
    return this.#shardOf(keyHash).get(identity)
  }

  /** Adds a key that `find` did not find. */
  addKey(key: K, identity: KeyIdentity, keyHash: number): SliceKey<K, Acc> {
    // A composite key is copied: the caller may reuse its array for the next record's key.
    const own = Array.isArray(key) ? (key.slice() as unknown as K) : key
    return this.#insert(new SliceKey<K, Acc>(own, keyHash, this.#sequence++, this.epoch), identity)
  }

  /** Adds a slice that the key does not have, at its place. */
  addSlice(of: SliceKey<K, Acc>, place: number, start: number, accumulator: Acc): SliceEntry<Acc> {
    const slice: SliceEntry<Acc> = { start, accumulator, openedIn: this.epoch, epoch: this.epoch }
    // The first push onto an empty list would make room for 17.
    if (of.slices.length === 0) of.slices = [slice]
    else if (place === of.slices.length) of.slices.push(slice)
    else of.slices.splice(place, 0, slice)
    return slice
  }

  /** To be called before a slice that is not of the present epoch changes. */
  touch(of: SliceKey<K, Acc>, slice: SliceEntry<Acc>): void {
    this.#capture?.touch(of, slice)
    slice.epoch = this.epoch
  }

  /** To be called before `firings` of a key changes. */
  touchKey(of: SliceKey<K, Acc>): void {
    this.#capture?.touchKey(of)
    of.epoch = this.epoch
  }

  /** Removes the oldest `count` slices, and the key with the last of them. */
  removeSlices(of: SliceKey<K, Acc>, count: number): void {
    const { key, keyHash } = of
    for (const end = of.head + count; of.head < end; of.head++) {
      const slice = of.slices[of.head]!
      this.#capture?.touch(of, slice)
      if (slice.openedIn < this.epoch) this.#removed?.push({ key, keyHash, namespace: slice.start })
    }
    if (of.head >= MIN_GONE && of.head * MOST_GONE >= of.slices.length) {
      of.slices.splice(0, of.head)
      of.head = 0
    }
    if (of.oldest !== undefined) return
    this.#capture?.touchKey(of)
    if (of.openedIn < this.epoch) this.#removed?.push({ key, keyHash, namespace: null })
    of.gone = true
    this.#live -= 1
    this.#shardOf(keyHash).delete(keyIdentity(key))
  }

  /** There is reason to call `compact`. */
  get isSparse(): boolean {
    return this.#compacted !== undefined || this.#live * 2 < this.#keys.length
  }

  /**
   * Drops what is gone from `keys`, looking at up to `budget` of them. Between passes: call it until `isSparse` is false. A capture
   * goes on with the list that it took.
   */
  compact(budget: number): void {
    this.#compacted ??= { keys: [], from: 0 }
    const { keys, from } = this.#compacted
    const end = Math.min(from + budget, this.#keys.length)
    for (let index = from; index < end; index++) {
      const each = this.#keys[index]!
      if (!each.gone) keys.push(each)
    }
    this.#compacted.from = end
    if (end < this.#keys.length) return
    this.#keys = keys
    this.#compacted = undefined
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    invariant(this.#capture === undefined, "slices are captured while a capture of them runs")
    const removed = this.#removed
    invariant(kind === "all" || removed !== undefined, "changes of slices are captured, but not tracked")
    this.epoch += 2
    const before = this.#capturedIn
    this.#capturedIn = this.epoch
    if (removed !== undefined) this.#removed = []
    const capture = new SliceCapture<K, Acc>({
      keys: this.#keys,
      length: this.#keys.length,
      removed: kind === "changes" ? removed! : [],
      sinceEpoch: kind === "changes" ? before : LOADED,
      epoch: this.epoch,
      pass: this.#pass(),
      slices: new EntryWriter<Acc>(this.name, into, this.#codec && ((accumulator) => this.#codec!.encode(accumulator))),
      rows: new EntryWriter<KeyRow>(this.name, into, undefined),
      onEnd: () => {
        if (this.#capture === capture) this.#capture = undefined
      },
      onCancel: () => {
        this.#capturedIn = Math.min(this.#capturedIn, before)
        if (removed !== undefined) this.#removed = removed.concat(this.#removed ?? [])
      },
    })
    this.#capture = capture
    return capture
  }

  load({ key, keyHash, namespace, value, deleted }: TableEntry, former: number): void {
    const identity = keyIdentity(key)
    const known = this.find(identity, keyHash)
    if (namespace === null) {
      if (deleted) {
        if (known !== undefined) this.#unload(known)
        return
      }
      const { sequence, firedTo, firings } = value as KeyRow
      const into = new SliceKey<K, Acc>(key as K, keyHash, sequence, LOADED)
      // Slices may have come before what is known of their key.
      if (known !== undefined) {
        into.slices.push(...known.slices)
        this.#unload(known)
      }
      into.firedTo = firedTo ?? Number.NEGATIVE_INFINITY
      into.former = former
      into.firings = firings === null ? undefined : new Map(firings)
      this.#insert(into, identity)
      if (sequence >= this.#sequence) this.#sequence = sequence + 1
      return
    }
    const into =
      known ?? (deleted ? undefined : this.#insert(new SliceKey<K, Acc>(key as K, keyHash, 0, LOADED), identity))
    if (into === undefined) return
    into.former = former
    const place = placeOf(into.slices, namespace)
    const held = into.slices[place]?.start === namespace
    if (deleted) {
      if (held) into.slices.splice(place, 1)
      return
    }
    const accumulator = this.#codec === undefined ? (value as Acc) : this.#codec.decode(value)
    const slice: SliceEntry<Acc> = { start: namespace, accumulator, openedIn: LOADED, epoch: LOADED }
    into.slices.splice(place, held ? 1 : 0, slice)
  }

  /** To be called when all is loaded: puts the keys in the order in which they first came. */
  settle(): void {
    for (const each of this.#keys) if (!each.gone && each.slices.length === 0) this.#unload(each)
    this.#keys = this.#keys.filter((each) => !each.gone).sort((a, b) => a.sequence - b.sequence)
    for (const each of this.#keys) each.rank = this.#nextRank++
  }

  #insert(of: SliceKey<K, Acc>, identity: KeyIdentity): SliceKey<K, Acc> {
    this.#shardOf(of.keyHash).set(identity, of)
    of.rank = this.#nextRank++
    this.#keys.push(of)
    this.#live += 1
    return of
  }

  #unload(of: SliceKey<K, Acc>): void {
    of.gone = true
    this.#live -= 1
    this.#shardOf(of.keyHash).delete(keyIdentity(of.key))
  }

  #shardOf(keyHash: number): Map<KeyIdentity, SliceKey<K, Acc>> {
    // The upper half: the lower bits are what the keys of one subtask may have in common.
    return this.#shards[(keyHash >>> 16) % SHARDS]!
  }
}

interface SliceCaptureOptions<K extends Key, Acc> {
  /** Alive: keys are only added while a capture runs. */
  readonly keys: readonly SliceKey<K, Acc>[]
  /** How many there were. */
  readonly length: number
  readonly removed: readonly Removed[]
  readonly sinceEpoch: number
  readonly epoch: number
  readonly pass: Pass | undefined
  readonly slices: EntryWriter<Acc>
  readonly rows: EntryWriter<KeyRow>
  onEnd(): void
  onCancel(): void
}

class SliceCapture<K extends Key, Acc> implements TableCapture {
  readonly #options: SliceCaptureOptions<K, Acc>
  /** Saved in the middle of a pass: keys of a lower rank have fired its window. (Their places in a Map were 55 ms for 150,000 keys.) */
  readonly #firedBelow: number
  #removedAt = 0
  #key = 0
  /** Slices of the key at hand that begin up to here have been looked at. */
  #after = Number.NEGATIVE_INFINITY
  #rowDone = false

  constructor(options: SliceCaptureOptions<K, Acc>) {
    this.#options = options
    const { pass, keys, length } = options
    this.#firedBelow = pass !== undefined && pass.cursor < length ? keys[pass.cursor]!.rank : Number.POSITIVE_INFINITY
  }

  touch(of: SliceKey<K, Acc>, slice: SliceEntry<Acc>): void {
    const { sinceEpoch, epoch, slices } = this.#options
    if (slice.epoch < sinceEpoch || slice.epoch >= epoch - 1) return
    slice.epoch = epoch - 1
    slices.put(of.keyHash, of.key, slice.start, slice.accumulator)
  }

  touchKey(of: SliceKey<K, Acc>): void {
    const { sinceEpoch, epoch, rows, pass } = this.#options
    if (of.epoch >= epoch - 1 || (pass === undefined && of.epoch < sinceEpoch)) return
    of.epoch = epoch - 1
    const firings = of.firings === undefined || of.firings.size === 0 ? null : [...of.firings]
    rows.put(of.keyHash, of.key, null, { sequence: of.sequence, firedTo: this.#firedTo(of), firings })
  }

  write(budget: number): boolean {
    const { keys, length, removed, slices, rows } = this.#options
    slices.check()
    rows.check()
    let left = budget
    for (; this.#removedAt < removed.length && left > 0; this.#removedAt++, left--) {
      const { keyHash, key, namespace } = removed[this.#removedAt]!
      slices.remove(keyHash, key, namespace)
    }
    for (; this.#key < length && left > 0; this.#key++) {
      const of = keys[this.#key]!
      if (!of.gone) {
        if (!this.#rowDone) {
          this.touchKey(of)
          this.#rowDone = true
          left -= 1
        }
        let place = Math.max(of.head, placeOf(of.slices, this.#after))
        for (; place < of.slices.length && left > 0; place++, left--) {
          const slice = of.slices[place]!
          this.#after = slice.start + 1
          this.touch(of, slice)
        }
        if (place < of.slices.length) break
      }
      this.#rowDone = false
      this.#after = Number.NEGATIVE_INFINITY
    }
    slices.check()
    rows.check()
    if (this.#removedAt < removed.length || this.#key < length) return false
    this.#options.onEnd()
    return true
  }

  cancel(): void {
    this.#options.onEnd()
    this.#options.onCancel()
  }

  #firedTo(of: SliceKey<K, Acc>): number | null {
    const { pass } = this.#options
    const inPass = pass === undefined ? Number.NEGATIVE_INFINITY : of.rank < this.#firedBelow ? pass.end : pass.firedTo
    const firedTo = Math.max(inPass, of.firedTo)
    return firedTo === Number.NEGATIVE_INFINITY ? null : firedTo
  }
}
