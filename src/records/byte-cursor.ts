import { EngineError } from "../errors/index.ts"

/** What we use of Node's Buffer. The pure folders have no types of Node. */
interface Text {
  latin1Write(text: string, at: number, maxBytes: number): number
  utf8Write(text: string, at: number, maxBytes: number): number
  ucs2Write(text: string, at: number, maxBytes: number): number
  latin1Slice(from: number, to: number): string
  utf8Slice(from: number, to: number): string
  ucs2Slice(from: number, to: number): string
}
const { Buffer } = globalThis as unknown as { Buffer: { from(buffer: ArrayBufferLike): Text } }

/**
 * A place in some memory, which may be shared, with a view for each kind of number: for writing from it on, and for reading.
 * Views are made once per memory, not per column.
 */
export class ByteCursor {
  readonly i8: Int8Array
  readonly u8: Uint8Array
  readonly i16: Int16Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly f64: Float64Array
  readonly text: Text
  /** Bytes from the start of the memory. Where a frame begins it is a multiple of 8. */
  at: number
  end: number

  constructor(buffer: ArrayBufferLike, at = 0, end = buffer.byteLength) {
    this.i8 = new Int8Array(buffer)
    this.u8 = new Uint8Array(buffer)
    this.i16 = new Int16Array(buffer, 0, buffer.byteLength >> 1)
    this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >> 1)
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >> 2)
    this.u32 = new Uint32Array(buffer, 0, buffer.byteLength >> 2)
    this.f64 = new Float64Array(buffer, 0, buffer.byteLength >> 3)
    this.text = Buffer.from(buffer)
    this.at = at
    this.end = end
  }

  /**
   * Passes over `count` numbers of `1 << shift` bytes, behind as many bytes as their alignment needs.
   *
   * @returns the index of the first one in the view of that width
   * @throws {EngineError} RECORD_NOT_READABLE when they would reach beyond the end
   */
  take(count: number, shift: number): number {
    const index = (this.at + (1 << shift) - 1) >> shift
    const after = (index + count) * (1 << shift)
    if (after > this.end) throw damaged(`${count} cells of ${1 << shift} bytes begin at ${this.at} of ${this.end}`)
    this.at = after
    return index
  }

  /** Writes one number. */
  put32(value: number): void {
    this.u32[this.take(1, 2)] = value
  }

  /** Reads one number. */
  take32(): number {
    return this.u32[this.take(1, 2)]!
  }
}

/** The error for bytes that no codec of ours has written like this. */
export function damaged(found: string): EngineError {
  return new EngineError(
    "RECORD_NOT_READABLE",
    `Cannot decode records: ${found}; they were written by another version or are damaged`,
  )
}

const SCRATCH_BYTES = 2 ** 16
const MAX_KEPT_SCRATCH_BYTES = 2 ** 20
let scratch: ByteCursor | undefined

/** Memory of this thread to write into, from its start, for those who copy it at once. */
export function scratchOf(bytes: number): ByteCursor {
  const kept = scratch
  if (kept !== undefined && kept.end >= bytes) {
    kept.at = 0
    return kept
  }
  let length = SCRATCH_BYTES
  while (length < bytes) length *= 2
  const grown = new ByteCursor(new ArrayBuffer(length))
  if (length <= MAX_KEPT_SCRATCH_BYTES) scratch = grown
  return grown
}

/** A cursor at bytes that may begin anywhere; they are copied unless they begin at a multiple of 8. */
export function cursorOver(bytes: Uint8Array): ByteCursor {
  if ((bytes.byteOffset & 7) !== 0) return cursorOver(bytes.slice())
  return new ByteCursor(bytes.buffer, bytes.byteOffset, bytes.byteOffset + bytes.length)
}
