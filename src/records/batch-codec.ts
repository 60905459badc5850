import { invariant } from "../errors/index.ts"
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
  #columns = 0
  #valueBytes: Uint8Array = new Uint8Array(0)

  constructor(values: ValueCodec) {
    this.#values = values
  }

  /** First half of an encoding. @returns how many bytes `write` is going to write. Nothing may be encoded in between. */
  prepare(batch: RecordBatch): number {
    const count = batch.size
    invariant(
      batch.times.length === count && (batch.keyHashes.length === count || batch.keyHashes.length === 0),
      () => `a batch of ${count} values has ${batch.times.length} times and ${batch.keyHashes.length} key hashes`,
    )
    this.#columns = (hasTimes(batch.times) ? HAS_TIMES : 0) | (batch.keyHashes.length > 0 ? HAS_KEY_HASHES : 0)
    this.#valueBytes = this.#values.encode(batch.values)
    this.#prepared = batch
    return valuesAt(count, this.#columns) + this.#valueBytes.length
  }

  /** Second half. `target` is as long as `prepare` said and starts at a multiple of 8 in its buffer. */
  write(target: Uint8Array): void {
    const batch = this.#prepared
    invariant(batch !== undefined, "a batch was written before it was prepared")
    const count = batch.size
    new Uint32Array(target.buffer, target.byteOffset, 2).set([count, this.#columns])
    let at = target.byteOffset + HEADER_BYTES
    if ((this.#columns & HAS_TIMES) !== 0) {
      new Float64Array(target.buffer, at, count).set(batch.times)
      at += 8 * count
    }
    if ((this.#columns & HAS_KEY_HASHES) !== 0) new Uint32Array(target.buffer, at, count).set(batch.keyHashes)
    target.set(this.#valueBytes, valuesAt(count, this.#columns))
    this.#prepared = undefined
    this.#valueBytes = new Uint8Array(0)
  }

  /** Both halves. @returns bytes of their own */
  encode(batch: RecordBatch): Uint8Array {
    const bytes = new Uint8Array(this.prepare(batch))
    this.write(bytes)
    return bytes
  }

  /** Takes bytes that may lie in shared memory and be reused afterwards: nothing returned is a view on them. */
  decode(bytes: Uint8Array): RecordBatch {
    if ((bytes.byteOffset & 7) !== 0) return this.decode(bytes.slice())
    invariant(bytes.length >= HEADER_BYTES, () => `an encoded batch of ${bytes.length} bytes`)
    const head = new Uint32Array(bytes.buffer, bytes.byteOffset, 2)
    const count = head[0]!
    const columns = head[1]!
    const valuesStart = valuesAt(count, columns)
    invariant(
      columns <= (HAS_TIMES | HAS_KEY_HASHES) && valuesStart <= bytes.length,
      () => `an encoded batch of ${bytes.length} bytes claims ${count} records and columns ${columns}`,
    )
    let at = bytes.byteOffset + HEADER_BYTES
    const times: number[] = []
    const keyHashes: number[] = []
    if ((columns & HAS_TIMES) !== 0) {
      copyInto(times, new Float64Array(bytes.buffer, at, count))
      at += 8 * count
    } else {
      for (let index = 0; index < count; index++) times.push(NO_TIME)
    }
    if ((columns & HAS_KEY_HASHES) !== 0) copyInto(keyHashes, new Uint32Array(bytes.buffer, at, count))
    const values = this.#values.decode(bytes.subarray(valuesStart))
    invariant(values.length === count, () => `an encoded batch of ${count} records holds ${values.length} values`)
    return new RecordBatch(values, times, keyHashes)
  }
}

function valuesAt(count: number, columns: number): number {
  const times = (columns & HAS_TIMES) !== 0 ? 8 * count : 0
  const keyHashes = (columns & HAS_KEY_HASHES) !== 0 ? Math.ceil(count / 2) * 8 : 0
  return HEADER_BYTES + times + keyHashes
}

function hasTimes(times: readonly number[]): boolean {
  for (let index = 0; index < times.length; index++) if (times[index] !== NO_TIME) return true
  return false
}

/** By hand: Array.from walks an iterator, and a preset length would make the array slow for good. */
function copyInto(target: number[], source: Float64Array | Uint32Array): void {
  for (let index = 0; index < source.length; index++) target.push(source[index]!)
}
