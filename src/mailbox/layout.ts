import { ElementKind } from "../records/index.ts"

/**
 * The shared memory of one channel: a header of four cache lines, then the data.
 *
 * ```
 * byte 0        128             256                        384            512                     512 + dataBytes
 *  +------------+---------------+--------------------------+--------------+------------------------+
 *  | constants  | sender's line | receiver's line          | announcement | frames, 8-byte aligned |
 *  | MAGIC      | PUBLISHED     | RELEASED                 | ANNOUNCED_*  |                        |
 *  | DATA_BYTES |               | RELEASED_UNITS[0 .. 5]   | (sender's)   |                        |
 *  | CAPACITY   |               |                          |              |                        |
 *  +------------+---------------+--------------------------+--------------+------------------------+
 * ```
 *
 * - Cursors count bytes since the start, as 32-bit integers that wrap; a cursor's place in the data is
 *   `cursor & (DATA_BYTES - 1)`, a distance is `(a - b) | 0`. Both hold across the wrap because DATA_BYTES is a power of
 *   two of at most 2^30. They are signed here only because that is what JavaScript computes fast.
 * - The words of the header are touched through Atomics alone, always as 32 bits. Everything else is plain memory:
 *   the sender owns [PUBLISHED, RELEASED + DATA_BYTES), the receiver owns [RELEASED, PUBLISHED), never both.
 * - A line per writer (128 bytes: two lines of 64, which processors fetch in pairs), so that the ends do not slow each other.
 *
 * A frame:
 * ```
 *  byte 0        4          5           6        8             12                      16
 *  +-------------+----------+-----------+--------+-------------+-----------------------+---------------+
 *  | length u32  | kind u8  | flags u8  | zero   | records u32 | total or offset u32   | payload, padded to 8
 *  +-------------+----------+-----------+--------+-------------+-----------------------+---------------+
 * ```
 * - `length` is the payload's, without padding. `records` counts the records of the whole batch, in each of its fragments.
 * - In a frame with FLAG_FIRST the last word is the length of the whole payload over all fragments; in the others it is the
 *   fragment's offset in it. A batch that went out in one piece is FIRST and LAST.
 * - A frame never wraps. Where the rest of the data is too short, a PADDING frame covers it: its `length` is that of the
 *   rest without the first 8 bytes. Only 8 bytes of a padding's header are written, since 8 bytes may be all there is.
 * - One store publishes: PUBLISHED, after the frame and the padding before it are complete. So a sender that dies between
 *   two words leaves the old prefix.
 */
export const CACHE_LINE_BYTES = 128
export const HEADER_BYTES = 4 * CACHE_LINE_BYTES

const WORDS_PER_LINE = CACHE_LINE_BYTES / 4

/** Offsets in 32-bit words. */
export const Word = {
  // Constants: written once by createRing, before the buffer is handed to anyone.
  MAGIC: 0,
  DATA_BYTES: 1,
  CAPACITY_RECORDS: 2,

  /** Sender writes, receiver reads: everything before this cursor may be read. */
  PUBLISHED: WORDS_PER_LINE,

  /** Receiver writes, sender reads: everything before this cursor may be overwritten. */
  RELEASED: 2 * WORDS_PER_LINE,
  /**
   * Receiver writes, sender reads: six counters, one per ElementKind (number 0 stays unused). What was given back so far:
   * records for DATA, elements for the others.
   */
  RELEASED_UNITS: 2 * WORDS_PER_LINE + 1,

  /**
   * Sender writes, receiver reads: the barrier announced beside the queue. The sequence is odd while the words behind it are
   * being written, and changes with each announcement. Each of the three is a float64 in two words.
   */
  ANNOUNCED_SEQUENCE: 3 * WORDS_PER_LINE,
  ANNOUNCED_ID: 3 * WORDS_PER_LINE + 1,
  ANNOUNCED_BORN: 3 * WORDS_PER_LINE + 3,
  ANNOUNCED_POSITION: 3 * WORDS_PER_LINE + 5,
} as const

/** Changes with the layout, so that two builds never share a ring. */
export const RING_MAGIC = 0x4d524702

export const FRAME_HEADER_BYTES = 16
/** A frame that only fills the rest of the data before the wrap. Beside the ElementKinds. */
export const PADDING = 0
export const PADDING_HEADER_BYTES = 8
export const FLAG_FIRST = 1
export const FLAG_LAST = 2
/** Of a barrier that must not overtake. */
export const FLAG_ALIGNED = 4

/** How many control elements of each kind may wait, whatever the data does. A data element does not count here. */
export const CONTROL_BOUND: Readonly<Record<number, number>> = {
  [ElementKind.WATERMARK]: 4,
  [ElementKind.IDLE]: 2,
  [ElementKind.BARRIER]: 2,
  [ElementKind.END]: 1,
}

/** Payload: time f64. */
export const WATERMARK_BYTES = 8
/** Payload: checkpoint id f64, born f64. */
export const BARRIER_BYTES = 16

/**
 * The control lane: what data leaves free. Holds every control element within CONTROL_BOUND, each with its header, and
 * the one padding they can meet (they are shorter than the data, so they cross its end once at most): 64 + 16 + 32 + 96 + 24.
 */
export const RESERVED_BYTES = 256

export const MIN_DATA_BYTES = 1024
export const MAX_DATA_BYTES = 2 ** 30
/** Records in flight are counted in 32 bits; this leaves room for one oversized batch. */
export const MAX_CAPACITY_RECORDS = 2 ** 30

/** Rounds a payload's length up to where the next frame may start. */
export function padded(bytes: number): number {
  return (bytes + 7) & ~7
}

/** The longest frame that an empty ring takes in one piece wherever its cursor stands: longer ones go out in fragments. */
export function maxWholeFrameBytes(dataBytes: number): number {
  return ((dataBytes - RESERVED_BYTES) / 2) & ~7
}

/** A fragment is no shorter than this, unless it is the last: many tiny ones would cost more than waiting. */
export function minFragmentBytes(dataBytes: number): number {
  return dataBytes / 8
}

/** Sets all counters of an unused ring, so that tests reach the wrap. `cursor` must be a multiple of 8. */
export function presetCursors(ring: SharedArrayBuffer, cursor: number): void {
  const words = new Int32Array(ring, 0, HEADER_BYTES / 4)
  Atomics.store(words, Word.PUBLISHED, cursor | 0)
  Atomics.store(words, Word.RELEASED, cursor | 0)
  for (let kind = 0; kind <= ElementKind.END; kind++) Atomics.store(words, Word.RELEASED_UNITS + kind, cursor | 0)
}
