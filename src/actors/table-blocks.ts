import { copyPlain, NOT_COPIED } from "../records/index.ts"
import type { BlockInput } from "../snapshot/store/index.ts"
import { type CaptureKind, explainRefusal, keyGroupOf, type StateTable, type TableEntry } from "../state/index.ts"
import { type EntryBatch, EntryEncoder, newEntryBatch } from "./entry-block.ts"

export interface TableBlocksOptions {
  readonly operatorId: string
  readonly table: StateTable
  readonly kind: CaptureKind
  readonly keyGroups: number
  /** Takes a block of encoded entries. */
  add(block: BlockInput): void
}

/** What was learned of a table's keys and values stays. */
const encoders = new WeakMap<StateTable, EntryEncoder>()

function encoderOf(table: StateTable): EntryEncoder {
  let encoder = encoders.get(table)
  if (encoder === undefined) {
    encoder = new EntryEncoder()
    encoders.set(table, encoder)
  }
  return encoder
}

/** Entries of one table on their way into blocks: many together, as columns. A block each would cost ten times as much. */
export class TableBlocks {
  readonly #options: TableBlocksOptions
  readonly #encoder: EntryEncoder
  #copied = newEntryBatch()

  constructor(options: TableBlocksOptions) {
    this.#options = options
    this.#encoder = encoderOf(options.table)
  }

  /** Entries copied and not encoded. */
  get copied(): number {
    return this.#copied.keys.length + this.#copied.deletedKeys.length
  }

  /** Keeps an entry as it is now, to be encoded with others. @returns false when it cannot be copied */
  copy(entry: TableEntry): boolean {
    const copy = copyPlain(entry.value)
    if (copy === NOT_COPIED) return false
    gather(this.#copied, entry, copy)
    return true
  }

  /** Encodes what was copied. @throws {EngineError} STATE_NOT_SERIALIZABLE: it is gone then */
  addCopied(): void {
    const copied = this.#copied
    if (this.copied === 0) return
    this.#copied = newEntryBatch()
    this.add(copied)
  }

  /** Encodes one entry by itself. @throws {EngineError} STATE_NOT_SERIALIZABLE */
  addOne(entry: TableEntry): void {
    const alone = newEntryBatch()
    gather(alone, entry, entry.value)
    this.add(alone)
  }

  /** @throws {EngineError} STATE_NOT_SERIALIZABLE */
  add(batch: EntryBatch): void {
    const { operatorId, table, kind, keyGroups, add } = this.#options
    const entries = batch.keys.length + batch.deletedKeys.length
    if (entries === 0) return
    let bytes: Uint8Array
    try {
      bytes = this.#encoder.encode(batch)
    } catch (error) {
      throw this.#explain(error, batch)
    }
    add({
      operatorId,
      table: table.name,
      keyGroup: groupOf(batch.keyHashes, keyGroups),
      entries,
      bytes,
      kind: kind === "all" ? "full" : "delta",
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

export function gather(batch: EntryBatch, { keyHash, key, namespace, deleted }: TableEntry, value: unknown): void {
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
