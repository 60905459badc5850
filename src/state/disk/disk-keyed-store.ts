import { invariant } from "../../errors/index.ts"
import { MsgpackCodec } from "../../records/index.ts"
import { EntryWriter, explainRefusal } from "../entry-writer.ts"
import { keyGroupOf } from "../key-groups.ts"
import { hashKey } from "../key-hash.ts"
import { type KeyIdentity, keyIdentity } from "../key-identity.ts"
import { keyOfIdentity } from "../key-of-identity.ts"
import type { Key, KeyedStore } from "../keyed-store.ts"
import type { StateCodec } from "../state-codec.ts"
import type { CaptureKind, EntrySink, StateTable, TableCapture, TableEntry } from "../state-table.ts"
import { DiskCapture, type Groups } from "./_disk-capture.ts"
import { DiskEntries, type PendingEntry } from "./_disk-entries.ts"
import { tablePrefix } from "./_place-bytes.ts"
import type { OrderedBytes } from "./ordered-bytes.ts"

export interface DiskKeyedStoreOptions<V> {
  /** Names the state in snapshots and messages. */
  readonly name: string
  readonly keyGroups: number
  /** Tells apart the stores that share `bytes`: 0..65,535. */
  readonly table: number
  readonly bytes: OrderedBytes
  /** For values that are no plain data. */
  readonly codec?: StateCodec<V> | undefined
  /** Whether "changes" can be captured. */
  readonly trackChanges: boolean
  /** Entries that wait in memory to be written, at most. Default: 8,192. */
  readonly maxPending?: number
}

const MAX_PENDING = 8_192
const MAX_PENDING_BYTES = 16 * 2 ** 20
/** So many are written at once, those that have waited longest: a few milliseconds. */
const WRITE_BATCH = 1_024
/** Entries fetched at once by `entries`. */
const PAGE = 256

/** One per thread: a codec's code is compiled once. */
const records = new MsgpackCodec()

/**
 * Keyed state on disk, of any size: values are bytes in a sorted map, and what was set last waits in memory to be written.
 *
 * - `get` hands out a copy of its own each time: who changes it must `set` it, as the contract says.
 * - A capture is a view of the map, and a copy of what waits: taken at once, whatever is set later.
 * - Values are refused by `set` when they are no plain data.
 *
 * Memory: what waits (up to 8,192 entries or 16 MiB), and the keys that changed since the last capture, when changes are
 * tracked. Cost: a `set` encodes, a `get` decodes; one that is not waiting is looked up on disk, or in what the system keeps
 * of it in memory.
 */
export class DiskKeyedStore<V> implements KeyedStore<V>, StateTable {
  readonly name: string
  readonly #options: DiskKeyedStoreOptions<V>
  readonly #maxPending: number
  readonly #prefix: Uint8Array
  readonly #entries: DiskEntries
  /** In the order in which they were first set since they were last written. */
  readonly #pending = new Map<KeyIdentity, PendingEntry>()
  #pendingBytes = 0
  #changed: Groups<Set<KeyIdentity>> | undefined
  #capture: DiskCapture | undefined

  constructor(options: DiskKeyedStoreOptions<V>) {
    this.name = options.name
    this.#options = options
    this.#maxPending = options.maxPending ?? MAX_PENDING
    this.#prefix = tablePrefix(options.table)
    this.#entries = new DiskEntries(options.table, options.keyGroups)
    this.#changed = options.trackChanges ? new Array(options.keyGroups).fill(undefined) : undefined
  }

  get(key: Key, keyHash: number): V | undefined {
    const bytes = this.#bytesOf(keyIdentity(key), keyHash)
    return bytes === undefined ? undefined : this.#decode(bytes)
  }

  set(key: Key, keyHash: number, value: V): void {
    const identity = keyIdentity(key)
    this.#put(identity, keyHash, this.#encode(key, value))
    this.#note(identity, keyHash)
  }

  delete(key: Key, keyHash: number): boolean {
    const identity = keyIdentity(key)
    if (this.#bytesOf(identity, keyHash) === undefined) return false
    this.#put(identity, keyHash, undefined)
    this.#note(identity, keyHash)
    return true
  }

  /** O(entries): they are counted. */
  get size(): number {
    let size = 0
    for (const _ of this.entries()) size += 1
    return size
  }

  /** What is set meanwhile for keys that have not come may come or not; what is deleted does not come. */
  *entries(): IterableIterator<readonly [key: Key, value: V]> {
    for (let after: Uint8Array | undefined; ; ) {
      this.#writePending(Number.POSITIVE_INFINITY)
      const page = this.#options.bytes.range(this.#prefix, after, PAGE)
      for (const { key: place, value: held } of page) {
        for (const [identity] of this.#entries.at(place, held)) {
          const key = keyOfIdentity(identity)
          // As it is now.
          const bytes = this.#bytesOf(identity, hashKey(key))
          if (bytes !== undefined) yield [key, this.#decode(bytes)]
        }
      }
      if (page.length < PAGE) return
      after = page.at(-1)!.key
    }
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    const { name } = this
    const changed = this.#changed
    invariant(this.#capture === undefined, () => `state "${name}" is captured while a capture of it runs`)
    invariant(kind === "all" || changed !== undefined, () => `changes of state "${name}" are captured, but not tracked`)
    const capture = new DiskCapture({
      view: this.#options.bytes.view(),
      prefix: this.#prefix,
      entries: this.#entries,
      pending: new Map(this.#pending),
      changed: kind === "changes" ? changed : undefined,
      writer: new EntryWriter<Uint8Array>(name, into, (bytes) => records.decode(bytes)[0]),
      onEnd: () => {
        if (this.#capture === capture) this.#capture = undefined
      },
      onCancel: () => this.#takeBack(changed),
    })
    this.#capture = capture
    if (changed !== undefined) this.#changed = new Array(this.#options.keyGroups).fill(undefined)
    return capture
  }

  load({ key, keyHash, value, deleted }: TableEntry): void {
    const { name } = this
    invariant(this.#capture === undefined, () => `state "${name}" is restored while a capture of it runs`)
    this.#put(keyIdentity(key), keyHash, deleted ? undefined : records.encode([value]).slice())
  }

  #bytesOf(identity: KeyIdentity, keyHash: number): Uint8Array | undefined {
    const waiting = this.#pending.get(identity)
    return waiting === undefined ? this.#entries.get(this.#options.bytes, identity, keyHash) : waiting.bytes
  }

  #encode(key: Key, value: V): Uint8Array {
    const { codec } = this.#options
    const plain = codec === undefined ? value : codec.encode(value)
    try {
      return records.encode([plain]).slice()
    } catch (error) {
      throw explainRefusal(error, this.name, key, plain)
    }
  }

  #decode(bytes: Uint8Array): V {
    const plain = records.decode(bytes)[0]
    const { codec } = this.#options
    return codec === undefined ? (plain as V) : codec.decode(plain)
  }

  #put(identity: KeyIdentity, keyHash: number, bytes: Uint8Array | undefined): void {
    const before = this.#pending.get(identity)
    this.#pendingBytes += (bytes?.length ?? 0) - (before?.bytes?.length ?? 0)
    this.#pending.set(identity, { keyHash, bytes })
    if (this.#pending.size > this.#maxPending || this.#pendingBytes > MAX_PENDING_BYTES) this.#writePending(WRITE_BATCH)
  }

  #writePending(most: number): void {
    if (this.#pending.size === 0) return
    const batch: [KeyIdentity, PendingEntry][] = []
    for (const entry of this.#pending) {
      if (batch.length === most) break
      batch.push(entry)
    }
    this.#options.bytes.write(this.#entries.changesOf(this.#options.bytes, batch))
    for (const [identity, { bytes }] of batch) {
      this.#pending.delete(identity)
      this.#pendingBytes -= bytes?.length ?? 0
    }
  }

  #note(identity: KeyIdentity, keyHash: number): void {
    if (this.#changed !== undefined) noteIn(this.#changed, keyGroupOf(keyHash, this.#options.keyGroups), identity)
  }

  /** Counts what a capture took as changed again: it may be so once too often, which does no harm. */
  #takeBack(taken: Readonly<Groups<ReadonlySet<KeyIdentity>>> | undefined): void {
    const changed = this.#changed
    if (taken === undefined || changed === undefined) return
    for (const [group, identities] of taken.entries()) {
      for (const identity of identities ?? []) noteIn(changed, group, identity)
    }
  }
}

function noteIn(changed: Groups<Set<KeyIdentity>>, group: number, identity: KeyIdentity): void {
  let ofGroup = changed[group]
  if (ofGroup === undefined) {
    ofGroup = new Set()
    changed[group] = ofGroup
  }
  ofGroup.add(identity)
}
