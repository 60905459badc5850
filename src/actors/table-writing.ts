import { copyPlain, NOT_COPIED } from "../records/index.ts"
import type { BlockInput } from "../snapshot/store/index.ts"
import {
  type CaptureKind,
  type EntrySink,
  explainRefusal,
  keyGroupOf,
  type StateTable,
  type TableCapture,
  type TableEntry,
} from "../state/index.ts"
import { type EntryBatch, EntryEncoder, newEntryBatch } from "./entry-block.ts"

export interface TableWritingOptions {
  readonly operatorId: string
  readonly table: StateTable
  readonly kind: CaptureKind
  readonly keyGroups: number
  /** In ms. May stand still: then a step takes as many entries as it may. */
  now(): number
  /** Takes a block of encoded entries. */
  add(block: BlockInput): void
}

/** What has been learned of a table's entries stays for its next capture. */
interface Learned {
  readonly encoder: EntryEncoder
  /** Entries to look at in a step, and handed over between two steps that are gathered for one block. */
  perStep: number
}

const learnedOfTables = new WeakMap<StateTable, Learned>()

function learnedOf(table: StateTable): Learned {
  let of = learnedOfTables.get(table)
  if (of === undefined) {
    of = { encoder: new EntryEncoder(), perStep: FIRST_ENTRIES }
    learnedOfTables.set(table, of)
  }
  return of
}

/** Entries looked at per step: a counter takes 0.3 us, a session 8, a large window a millisecond. */
const FIRST_ENTRIES = 16
const MAX_ENTRIES = 512
/** A step that takes longer is followed by one of fewer entries, one that takes less by one of more. */
const LONG_MS = 1
const SHORT_MS = 0.5
/** A step ends early that has gathered for so long: what was learned was the pace of compiled code, which may be gone, and of other values. */
const GATHER_MS = 0.5

/**
 * The capture of one table on its way into blocks.
 *
 * Within a step entries are gathered and encoded at its end: nothing changes in between. Between two steps the table hands
 * over what a record is about to change: these entries are copied, which is cheap, and encoded together with the next step.
 * One block each would cost ten times as much, and there are as many as records while a large capture is written.
 */
export class TableWriting implements EntrySink {
  readonly capture: TableCapture
  readonly #options: TableWritingOptions
  readonly #learned: Learned
  #early = newEntryBatch()
  #stepping: EntryBatch | undefined

  constructor(options: TableWritingOptions) {
    this.#options = options
    this.#learned = learnedOf(options.table)
    this.capture = options.table.capture(options.kind, this)
  }

  /** Hands over some more entries, for half a millisecond or so. @returns true when the capture is written @throws what `TableCapture.write` does */
  step(): boolean {
    const learned = this.#learned
    const startMs = this.#options.now()
    const complete = this.#hand(learned.perStep, startMs)
    const tookMs = this.#options.now() - startMs
    if (tookMs > LONG_MS) learned.perStep = Math.max(1, learned.perStep >> 1)
    else if (tookMs < SHORT_MS) learned.perStep = Math.min(MAX_ENTRIES, 2 * learned.perStep)
    return complete
  }

  #hand(budget: number, startMs: number): boolean {
    // First: of two entries of one place the one handed over first is a deletion, and must stand first.
    this.#addEarly()
    const batch = newEntryBatch()
    this.#stepping = batch
    let complete: boolean
    let taken = 0
    try {
      do {
        const next = Math.min(Math.max(1, taken), budget - taken)
        complete = this.capture.write(next)
        taken += next
      } while (!complete && taken < budget && this.#options.now() - startMs < GATHER_MS)
    } finally {
      this.#stepping = undefined
    }
    this.#add(batch)
    return complete
  }

  put(entry: TableEntry): void {
    if (this.#stepping !== undefined) {
      gather(this.#stepping, entry, entry.value)
      return
    }
    const copy = copyPlain(entry.value)
    if (copy === NOT_COPIED) {
      this.#addEarly()
      const alone = newEntryBatch()
      gather(alone, entry, entry.value)
      this.#add(alone)
      return
    }
    gather(this.#early, entry, copy)
    if (this.#early.keys.length + this.#early.deletedKeys.length >= this.#learned.perStep) this.#addEarly()
  }

  #addEarly(): void {
    const early = this.#early
    if (early.keys.length + early.deletedKeys.length === 0) return
    this.#early = newEntryBatch()
    this.#add(early)
  }

  #add(batch: EntryBatch): void {
    const { operatorId, table, kind, keyGroups, add } = this.#options
    const entries = batch.keys.length + batch.deletedKeys.length
    if (entries === 0) return
    let bytes: Uint8Array
    try {
      bytes = this.#learned.encoder.encode(batch)
    } catch (error) {
      throw this.#explain(error, batch)
    }
    const kindOfBlock = kind === "all" ? "full" : "delta"
    add({
      operatorId,
      table: table.name,
      keyGroup: groupOf(batch.keyHashes, keyGroups),
      entries,
      bytes,
      kind: kindOfBlock,
    })
  }

  /** The refusal of a batch, told of the entry that it is about. */
  #explain(error: unknown, batch: EntryBatch): unknown {
    for (const [index, key] of batch.keys.entries()) {
      const alone = { ...newEntryBatch(), keys: [key], namespaces: [null], values: [batch.values[index]] }
      try {
        new EntryEncoder().encode(alone)
      } catch (refusal) {
        return explainRefusal(refusal, this.#options.table.name, key, batch.values[index])
      }
    }
    return error
  }
}

function gather(batch: EntryBatch, { keyHash, key, namespace, deleted }: TableEntry, value: unknown): void {
  batch.keyHashes.push(keyHash)
  if (deleted) {
    batch.deletedKeys.push(key)
    batch.deletedNamespaces.push(namespace)
  } else {
    batch.keys.push(key)
    batch.namespaces.push(namespace)
    batch.values.push(value)
  }
}

/** The key group of all these hashes. A block of one group says so, and is skipped by readers of others; one of several is read by all. */
function groupOf(keyHashes: readonly number[], keyGroups: number): number | undefined {
  const group = keyGroupOf(keyHashes[0]!, keyGroups)
  return keyHashes.every((keyHash) => keyGroupOf(keyHash, keyGroups) === group) ? group : undefined
}
