import { encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"

/**
 * The layout of a part: what one subtask saved for one checkpoint. All numbers little-endian.
 * docs/formats/checkpoint.md says the same at length.
 *
 *   +--------+----------------------+-----+--------+---------+
 *   | header | block 0: head, bytes | ... | index  | trailer |
 *   +--------+----------------------+-----+--------+---------+
 *
 * - The header says whose it is, the head of a block what it holds; each ends with its own CRC-32.
 * - The index repeats the heads, each with its offset. A reader that wants some key groups reads header, index and
 *   trailer, and then only these blocks.
 * - The part's checksum (PartHandle) covers the header and the index, and the index holds the checksum of every
 *   payload: so it stands for every byte. It leaves out the headers' own CRCs: a CRC over x followed by CRC(x) does not
 *   depend on x.
 */

// "MRPART\r\n": a change of line ends shows in it.
export const PART_MAGIC = [0x4d, 0x52, 0x50, 0x41, 0x52, 0x54, 0x0d, 0x0a] as const
export const PART_FORMAT_VERSION = 1
/**
 * Of the header, before the vertex id: magic 8, version u16, header length u16, job hash u32, checkpoint u64, attempt
 * u64, subtask u32, id length u32.
 */
export const HEADER_FIXED_BYTES = 40
/**
 * Of a block's head, before the names: kind u8, 0 u8, name lengths 2 x u16, 0 u16, key group u32, entries u32, length
 * u32, checksum u32.
 */
export const HEAD_FIXED_BYTES = 24
/**
 * Index offset u64, index length u32, blocks u32, entries u64, payload bytes u64, index checksum u32, 0 u32, own
 * checksum u32, "MREN".
 */
export const TRAILER_BYTES = 48
export const TRAILER_MAGIC = 0x4e45_524d
export const CHECKSUM_BYTES = 4
export const INDEX_OFFSET_BYTES = 8
export const NO_KEY_GROUP = 0xffff_ffff

/** Longest name (vertex, operator, table) in UTF-8 bytes. */
export const MAX_NAME_BYTES = 4096
/** Longest payload of one block: a writer splits what is larger. */
export const MAX_BLOCK_BYTES = 1 << 28
/** The index is read at once. */
export const MAX_INDEX_BYTES = 1 << 28

/**
 * What a block holds: all entries of a table in a key group (`full`), those that changed since the part before it
 * (`delta`), or records that were in flight (`channel`). The store only keeps the word; what the bytes mean is the
 * writer's business.
 */
export type BlockKind = "full" | "delta" | "channel"
export const BLOCK_KINDS: readonly BlockKind[] = ["full", "delta", "channel"]

/** Whose part it is. */
export interface PartIdentity {
  readonly jobName: string
  readonly checkpointId: number
  readonly attempt: number
  /** The id of the vertex: that of its head operator. */
  readonly vertexId: string
  readonly subtask: number
}

/** A part that is written and fsynced: plain data for the manifest. */
export interface PartHandle {
  /** `parts/...`, from the directory of its checkpoint or savepoint. */
  readonly file: string
  readonly bytes: number
  /** Of the content, 32 bits. */
  readonly checksum: number
  readonly blocks: number
}

export interface BlockInfo {
  readonly kind: BlockKind
  readonly operatorId: string
  readonly table: string
  /** Undefined for state that belongs to no key group. */
  readonly keyGroup: number | undefined
  readonly entries: number
  readonly bytes: number
}

export function jobHash(jobName: string): number {
  return crc32(encodeUtf8(jobName))
}
