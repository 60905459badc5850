import { invariant } from "../errors/index.ts"
import { type ByteCursor, cursorOver, damaged, scratchOf } from "./byte-cursor.ts"
import { NO_TIME, RecordBatch } from "./record-batch.ts"
import type { ValueCodec } from "./value-codec.ts"

/**
 * One batch as bytes. Numbers are little-endian; the columns are aligned when the bytes start at a multiple of 8.
 *
 * ```
 *  byte 0        4             8
 *  +-------------+-------------+------------------+--------------------------+------------------+
 *  | count u32   | columns u32 | times f64 x count| key hashes u32 x count,  | values, as their |
 *  |             | HAS_* flags | if HAS_TIMES     | padded to 8, if HAS_KEY..| codec wrote them |
 *  +-------------+-------------+------------------+--------------------------+------------------+
 * ```
 *
 * Times are left out when all are NO_TIME, key hashes when there are none.
 */
const HEADER_BYTES = 8
const HAS_TIMES = 1
const HAS_KEY_HASHES = 2

/** Encodes whole batches. One per channel end: it keeps the batch between `prepare` and `write`. */
export class BatchCodec {
  readonly #values: ValueCodec
  #prepared: RecordBatch | undefined
  #withTimes = false

  constructor(values: ValueCodec) {
    this.#values = values
  }

  /** First half of an encoding. @returns how many bytes `write` writes at most. Nothing may be encoded in between. */
  prepare(batch: RecordBatch): number {
    const count = batch.size
    invariant(
      batch.times.length === count && (batch.keyHashes.length === count || batch.keyHashes.length === 0),
      () => `a batch of ${count} values has ${batch.times.length} times and ${batch.keyHashes.length} key hashes`,
    )
    const valuesBound = this.#values.prepare(batch.values)
    this.#prepared = batch
    this.#withTimes = hasTimes(batch.times)
    return HEADER_BYTES + (this.#withTimes ? 8 * count : 0) + 8 * Math.ceil(batch.keyHashes.length / 2) + valuesBound
  }

  /** Second half: writes at the cursor, which stands at a multiple of 8 and has the room, and moves it behind. */
  write(sink: ByteCursor): void {
    const batch = this.#prepared
    invariant(batch !== undefined, "a batch was written before it was prepared")
    this.#prepared = undefined
    const { times, keyHashes } = batch
    const withTimes = this.#withTimes
    sink.put32(batch.size)
    sink.put32((withTimes ? HAS_TIMES : 0) | (keyHashes.length > 0 ? HAS_KEY_HASHES : 0))
    if (withTimes) {
      const at = sink.take(times.length, 3)
      for (let row = 0; row < times.length; row++) sink.f64[at + row] = times[row]!
    }
    const at = sink.take(keyHashes.length, 2)
    for (let row = 0; row < keyHashes.length; row++) sink.u32[at + row] = keyHashes[row]!
    sink.take(0, 3)
    this.#values.write(sink)
  }

  /** Both halves. @returns bytes of their own */
  encode(batch: RecordBatch): Uint8Array<ArrayBuffer> {
    return this.finish(this.prepare(batch))
  }

  /** Second half, for want of a place to write to. @param bound what `prepare` said @returns bytes of their own */
  finish(bound: number): Uint8Array<ArrayBuffer> {
    const sink = scratchOf(bound)
    this.write(sink)
    return sink.u8.slice(0, sink.at) as Uint8Array<ArrayBuffer>
  }

  /** A batch that `encode` made bytes of, wherever they begin. */
  decode(bytes: Uint8Array): RecordBatch {
    return this.read(cursorOver(bytes))
  }

  /**
   * Reads a batch from the cursor, which stands at a multiple of 8, to its end. The memory may be shared and reused
   * afterwards: nothing returned is a view on it.
   *
   * @throws {EngineError} RECORD_NOT_READABLE
   */
  read(source: ByteCursor): RecordBatch {
    const count = source.take32()
    const columns = source.take32()
    if (columns > (HAS_TIMES | HAS_KEY_HASHES)) throw damaged(`a batch has columns ${columns}`)
    const times: number[] = []
    const keyHashes: number[] = []
    if ((columns & HAS_TIMES) !== 0) copyInto(times, source.f64, source.take(count, 3), count)
    if ((columns & HAS_KEY_HASHES) !== 0) copyInto(keyHashes, source.u32, source.take(count, 2), count)
    source.take(0, 3)
    const values = this.#values.read(source, count)
    for (let row = times.length; row < count; row++) times.push(NO_TIME)
    return new RecordBatch(values, times, keyHashes)
  }
}

function hasTimes(times: readonly number[]): boolean {
  for (let index = 0; index < times.length; index++) if (times[index] !== NO_TIME) return true
  return false
}

/** By hand: Array.from walks an iterator, and a preset length would make the array slow for good. */
function copyInto(target: number[], source: Float64Array | Uint32Array, at: number, count: number): void {
  for (let index = 0; index < count; index++) target.push(source[at + index]!)
}
