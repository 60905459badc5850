import { invariant } from "../errors/index.ts"
import { ByteCursor, type ControlElement, ElementKind, END, IDLE } from "../records/index.ts"
import {
  BARRIER_BYTES,
  FLAG_ALIGNED,
  FRAME_HEADER_BYTES,
  HEADER_BYTES,
  MIN_DATA_BYTES,
  RING_MAGIC,
  WATERMARK_BYTES,
  Word,
} from "./layout.ts"

/** Views on a ring, and its constants: what both ends need. */
export class RingMemory {
  readonly words: Int32Array
  /** The data as whole words, for the headers of frames: plain memory. */
  readonly dataWords: Int32Array
  readonly data: Uint8Array
  readonly dataView: DataView
  /** Over the whole ring: to write and read payloads in place. */
  readonly cursor: ByteCursor
  readonly dataBytes: number
  readonly capacityRecords: number

  constructor(ring: SharedArrayBuffer) {
    invariant(ring.byteLength >= HEADER_BYTES + MIN_DATA_BYTES, () => `a ring of ${ring.byteLength} bytes`)
    this.words = new Int32Array(ring, 0, HEADER_BYTES / 4)
    const magic = Atomics.load(this.words, Word.MAGIC)
    invariant(magic === RING_MAGIC, () => `a ring starts with ${magic}, not with ${RING_MAGIC}`)
    this.dataBytes = Atomics.load(this.words, Word.DATA_BYTES)
    this.capacityRecords = Atomics.load(this.words, Word.CAPACITY_RECORDS)
    this.dataWords = new Int32Array(ring, HEADER_BYTES, this.dataBytes / 4)
    this.data = new Uint8Array(ring, HEADER_BYTES, this.dataBytes)
    this.cursor = new ByteCursor(ring)
    this.dataView = new DataView(ring, HEADER_BYTES, this.dataBytes)
  }

  /** The cursor, at a payload that begins at this byte of the data; `end` bounds what may be read or written. */
  cursorAt(at: number, bytes: number): ByteCursor {
    this.cursor.at = HEADER_BYTES + at
    this.cursor.end = HEADER_BYTES + at + bytes
    return this.cursor
  }

  /** The control element whose frame begins at this byte of the data. Its kind and length have been checked. */
  readControl(at: number): ControlElement {
    const kindAndFlags = this.dataWords[(at >> 2) + 1]!
    const payloadAt = at + FRAME_HEADER_BYTES
    switch (kindAndFlags & 0xff) {
      case ElementKind.WATERMARK:
        return { kind: ElementKind.WATERMARK, timeMs: this.dataView.getFloat64(payloadAt, true) }
      case ElementKind.BARRIER: {
        const checkpointId = this.dataView.getFloat64(payloadAt, true)
        const bornMs = this.dataView.getFloat64(payloadAt + 8, true)
        const aligned = ((kindAndFlags >>> 8) & FLAG_ALIGNED) !== 0
        return { kind: ElementKind.BARRIER, checkpointId, bornMs, ...(aligned ? { aligned } : {}) }
      }
      case ElementKind.IDLE:
        return IDLE
      default:
        return END
    }
  }
}

/** Bytes of payload of a control element. */
export function controlBytes(kind: number): number {
  return kind === ElementKind.WATERMARK ? WATERMARK_BYTES : kind === ElementKind.BARRIER ? BARRIER_BYTES : 0
}
