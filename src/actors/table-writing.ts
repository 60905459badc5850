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
  /** Takes a block of encoded entries. */
  add(block: BlockInput): void
}

/** What has been learned of a table's entries stays for its next capture. */
const encoders = new WeakMap<StateTable, EntryEncoder>()

function encoderOf(table: StateTable): EntryEncoder {
  let encoder = encoders.get(table)
  if (encoder === undefined) {
    encoder = new EntryEncoder()
    encoders.set(table, encoder)
  }
  return encoder
}

/** Entries handed over between two steps that are gathered for one block. */
const MAX_EARLY_ENTRIES = 1024

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
  #early = newEntryBatch()
  #stepping: EntryBatch | undefined

  constructor(options: TableWritingOptions) {
    this.#options = options
    this.capture = options.table.capture(options.kind, this)
  }

  /** Hands over up to `budget` more entries. @returns true when the capture is written @throws what `TableCapture.write` does */
  step(budget: number): boolean {
    // First: of two entries of one place the one handed over first is a deletion, and must stand first.
    this.#addEarly()
    const batch = newEntryBatch()
    this.#stepping = batch
    let complete: boolean
    try {
      complete = this.capture.write(budget)
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
    if (this.#early.keys.length + this.#early.deletedKeys.length >= MAX_EARLY_ENTRIES) this.#addEarly()
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
      bytes = encoderOf(table).encode(batch)
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
