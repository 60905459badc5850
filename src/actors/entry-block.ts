import { type ByteCursor, cursorOver, MsgpackCodec, newCells, RecordCodec, scratchOf } from "../records/index.ts"
import { hashKey, type Key, type TableEntry } from "../state/index.ts"

/** Entries of one table, gathered to be encoded together: those deleted, and those with a value. */
export interface EntryBatch {
  /** Of all of them; none where nobody asks for their key groups. */
  readonly keyHashes: number[]
  readonly deletedKeys: Key[]
  readonly deletedNamespaces: (number | null)[]
  readonly keys: Key[]
  readonly namespaces: (number | null)[]
  readonly values: unknown[]
}

export function newEntryBatch(): EntryBatch {
  return {
    keyHashes: [],
    deletedKeys: newCells(),
    deletedNamespaces: newCells(),
    keys: newCells(),
    namespaces: newCells(),
    values: newCells(),
  }
}

/** Words in front: entries deleted, entries set, and whether they have namespaces. */
const HEAD_BYTES = 16
/** Where a frame may begin: a multiple of it. */
const FRAME_BYTES = 8

/** For values that belong to no key. */
const codec = new MsgpackCodec()

/**
 * Entries of one table as the payload of a block, as docs/formats/checkpoint.md has it: by column, keys and values apart.
 * Hashes are not kept: they follow from the keys.
 *
 * One per table, for all its captures: what it has learned of keys and values it need not learn again.
 */
export class EntryEncoder {
  readonly #deletedKeys = new RecordCodec()
  readonly #deletedNamespaces = new RecordCodec()
  readonly #keys = new RecordCodec()
  readonly #namespaces = new RecordCodec()
  readonly #values = new RecordCodec()
  #gathered = 0

  /**
   * Takes entries without namespaces that `encode` writes with its own, before them.
   *
   * @returns whether their values may change from now on; if not, `encode` before they do
   * @throws {EngineError} RECORD_NOT_SERIALIZABLE: then it is of no more use
   */
  gather(keys: readonly Key[], values: readonly unknown[]): boolean {
    const [isValueKept, isKeyKept] = [this.#values.gather(values), this.#keys.gather(keys)]
    this.#gathered += keys.length
    return isValueKept && isKeyKept
  }

  /** @throws {EngineError} RECORD_NOT_SERIALIZABLE: what was gathered before is lost then */
  encode({ deletedKeys, deletedNamespaces, keys, namespaces, values }: EntryBatch): Uint8Array<ArrayBuffer> {
    const hasNamespaces = !(namespaces.every(isNull) && deletedNamespaces.every(isNull))
    // Values first: they alone may be refused, and then nothing else has been prepared.
    const set = this.#gathered + keys.length
    let bound = HEAD_BYTES + (set === 0 ? 0 : prepare(this.#values, values) + prepare(this.#keys, keys))
    if (deletedKeys.length > 0) bound += prepare(this.#deletedKeys, deletedKeys)
    if (hasNamespaces) {
      if (deletedKeys.length > 0) bound += prepare(this.#deletedNamespaces, deletedNamespaces)
      if (keys.length > 0) bound += prepare(this.#namespaces, namespaces)
    }
    this.#gathered = 0
    const sink = scratchOf(bound)
    sink.put32(deletedKeys.length)
    sink.put32(set)
    sink.put32(hasNamespaces ? 1 : 0)
    if (deletedKeys.length > 0) {
      write(this.#deletedKeys, sink)
      if (hasNamespaces) write(this.#deletedNamespaces, sink)
    }
    if (set > 0) {
      write(this.#keys, sink)
      if (hasNamespaces) write(this.#namespaces, sink)
      write(this.#values, sink)
    }
    return sink.u8.slice(0, sink.at) as Uint8Array<ArrayBuffer>
  }
}

function isNull(namespace: number | null): boolean {
  return namespace === null
}

/** @returns how many bytes it takes at most */
function prepare(column: RecordCodec, cells: readonly unknown[]): number {
  return FRAME_BYTES + column.prepare(cells)
}

function write(column: RecordCodec, sink: ByteCursor): void {
  align(sink)
  column.write(sink)
}

function align(cursor: ByteCursor): void {
  cursor.take(0, Math.log2(FRAME_BYTES))
}

/** The entries of a block: deletions first. @throws {EngineError} RECORD_NOT_READABLE */
export function decodeEntries(bytes: Uint8Array): TableEntry[] {
  const source = cursorOver(bytes)
  const deleted = source.take32()
  const set = source.take32()
  const hasNamespaces = source.take32() === 1
  const read = (count: number): readonly unknown[] => {
    align(source)
    return new RecordCodec().read(source, count)
  }
  const entries: TableEntry[] = []
  if (deleted > 0) {
    const keys = read(deleted) as Key[]
    const namespaces = hasNamespaces ? (read(deleted) as (number | null)[]) : undefined
    for (const [index, key] of keys.entries()) entries.push(entryOf(key, namespaces, index, undefined, true))
  }
  if (set > 0) {
    const keys = read(set) as Key[]
    const namespaces = hasNamespaces ? (read(set) as (number | null)[]) : undefined
    const values = read(set)
    for (const [index, key] of keys.entries()) entries.push(entryOf(key, namespaces, index, values[index], false))
  }
  return entries
}

/** The bytes of a value that belongs to no key. */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  return codec.encode([value]).slice()
}

export function decodeValue(bytes: Uint8Array): unknown {
  return codec.decode(bytes)[0]
}

function entryOf(
  key: Key,
  namespaces: readonly (number | null)[] | undefined,
  index: number,
  value: unknown,
  deleted: boolean,
): TableEntry {
  return { keyHash: hashKey(key), key, namespace: namespaces?.[index] ?? null, value, deleted }
}
