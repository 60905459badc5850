import { MsgpackCodec, RecordCodec } from "../records/index.ts"
import { hashKey, type Key, type TableEntry } from "../state/index.ts"

/** Entries of one table, gathered to be encoded together: those deleted, and those with a value. */
export interface EntryBatch {
  /** Of all of them. */
  readonly keyHashes: number[]
  readonly deletedKeys: Key[]
  readonly deletedNamespaces: (number | null)[]
  readonly keys: Key[]
  readonly namespaces: (number | null)[]
  readonly values: unknown[]
}

export function newEntryBatch(): EntryBatch {
  return { keyHashes: [], deletedKeys: [], deletedNamespaces: [], keys: [], namespaces: [], values: [] }
}

/** Bytes in front: length of the first frame, u32 little-endian. */
const LENGTH_BYTES = 4

/** One per thread, for every block: a new codec's code would have to be compiled anew with each checkpoint. */
const codec = new MsgpackCodec()

/**
 * The payload of a block, as docs/formats/checkpoint.md has it: a frame of places, and one of values, which is written by
 * column. Hashes are not kept: they follow from the keys.
 *
 * @throws {EngineError} RECORD_NOT_SERIALIZABLE
 */
export function encodeEntries({
  deletedKeys,
  deletedNamespaces,
  keys,
  namespaces,
  values,
}: EntryBatch): Uint8Array<ArrayBuffer> {
  // Each frame lives in a buffer that the next one overwrites.
  const places = codec.encode([deletedKeys, packed(deletedNamespaces), keys, packed(namespaces)]).slice()
  // Anew for each block: blocks of many tables are written in turn, and what they have in common is compiled once anyhow.
  const content = new RecordCodec().encode(values)
  const bytes = new Uint8Array(LENGTH_BYTES + places.length + content.length)
  new DataView(bytes.buffer).setUint32(0, places.length, true)
  bytes.set(places, LENGTH_BYTES)
  bytes.set(content, LENGTH_BYTES + places.length)
  return bytes
}

/** The entries of a block: deletions first. */
export function decodeEntries(bytes: Uint8Array): TableEntry[] {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  const places = codec.decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
  const [deletedKeys, deletedNamespaces, keys, namespaces] = places as [Key[], Namespaces, Key[], Namespaces]
  const values = new RecordCodec().decode(bytes.subarray(LENGTH_BYTES + length))
  return [
    ...deletedKeys.map((key, index) => entryOf(key, deletedNamespaces, index, undefined, true)),
    ...keys.map((key, index) => entryOf(key, namespaces, index, values[index], false)),
  ]
}

/** The bytes of a value that belongs to no key. */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  return codec.encode([value]).slice()
}

export function decodeValue(bytes: Uint8Array): unknown {
  return codec.decode(bytes)[0]
}

/** A table has namespaces or none: null stands for none. */
type Namespaces = Float64Array | null | (number | null)[]

function packed(namespaces: readonly (number | null)[]): Namespaces {
  if (namespaces.every((namespace) => namespace === null)) return null
  return namespaces.includes(null) ? [...namespaces] : Float64Array.from(namespaces as readonly number[])
}

function entryOf(key: Key, namespaces: Namespaces, index: number, value: unknown, deleted: boolean): TableEntry {
  return { keyHash: hashKey(key), key, namespace: namespaces?.[index] ?? null, value, deleted }
}
