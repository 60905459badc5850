import { Packr as AnyPackr, RESERVE_START_SPACE } from "msgpackr/pack"
import { Unpackr as AnyUnpackr } from "msgpackr/unpack"
import { refusal, SampledCheck } from "./_refusal.ts"
import { fromTagged, toTagged } from "./_tagged.ts"
import { damaged } from "./byte-cursor.ts"
import { inspect, Plainness } from "./plainness.ts"

// The subpaths, because the main entry loads a native addon that is many times slower on shared memory; they have no types
// of their own.
interface Packr {
  pack(value: unknown, options?: number): Uint8Array
  /** Where all Packrs of this thread write from now on. On Node it must be a Buffer. */
  useBuffer(buffer: Uint8Array): void
}
interface Unpackr {
  unpack(bytes: Uint8Array): unknown
}
const TypedPackr = AnyPackr as new (options: object) => Packr
const TypedUnpackr = AnyUnpackr as new (options: object) => Unpackr

interface Buffers {
  allocUnsafeSlow(length: number): Uint8Array
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): Uint8Array
}
const buffers = (globalThis as { Buffer?: Buffers }).Buffer

/** The first byte of a frame. */
const Layout = {
  /** One msgpack array of the values. */
  ROWS: 0,
  /** The array of the values in the form of _tagged.ts, for values that msgpack would alter. */
  TAGGED: 2,
} as const

const OPTIONS = {
  // Sets and typed arrays keep their type, integers may be of any size.
  moreTypes: true,
  // A field named toJSON is data like any other.
  useToJSON: false,
  // What is decoded must not be a view on a ring.
  copyBuffers: true,
}

const MAX_KEPT_BUFFER_BYTES = 2 ** 20
const FRESH_BUFFER_BYTES = 2 ** 16

/**
 * Values as msgpack, for records of any shape. Each frame is self-contained.
 *
 * - Accepts what plainness.ts accepts, and gives back an equal value: -0, NaN, undefined, lone surrogates, holes, bigints,
 *   dates, typed arrays, Buffers, maps, sets, objects without prototype. Two fields that refer to one object arrive as two.
 * - Refuses the rest with RECORD_NOT_SERIALIZABLE: functions, symbols and instances of classes always, before anything is
 *   written; fields that only `findUnserializable` sees (symbols as keys, not enumerable) in the first 64 records and
 *   in every 256th.
 *
 * Each value is walked once before it is packed, which is what makes refusals and -0 exact, and costs about a third of the
 * speed. Batches of records have RecordCodec, which leaves to this one what fits no column.
 *
 * Throws {EngineError} RECORD_NOT_SERIALIZABLE, RECORD_NOT_READABLE.
 */
export class MsgpackCodec {
  readonly #packr = new TypedPackr(OPTIONS)
  readonly #unpackr = new TypedUnpackr(OPTIONS)
  readonly #check = new SampledCheck()

  /** @returns bytes that stay valid until the next call of `encode` */
  encode(values: readonly unknown[]): Uint8Array {
    this.#check.check(values)
    let worst: Plainness = Plainness.PLAIN
    for (let index = 0; index < values.length; index++) {
      const found = inspect(values[index])
      if (found > worst) worst = found
    }
    if (worst === Plainness.REFUSED) throw refusal(values)
    return worst === Plainness.DELICATE
      ? this.#pack(Layout.TAGGED, Array.from(values, toTagged), values)
      : this.#pack(Layout.ROWS, values, values)
  }

  /** Takes bytes that may lie in shared memory and be reused afterwards: nothing returned is a view on them. */
  decode(bytes: Uint8Array): unknown[] {
    const body = bytes.subarray(1)
    // From a Buffer, so that Buffers come out as Buffers. It is a view, not a copy.
    const source = buffers === undefined ? body : buffers.from(body.buffer, body.byteOffset, body.length)
    const layout = bytes[0]
    let decoded: unknown
    try {
      decoded = this.#unpackr.unpack(source)
      if (layout === Layout.TAGGED) decoded = (decoded as unknown[]).map(fromTagged)
    } catch (error) {
      throw damaged(`they are no msgpack of ours (${(error as Error).message})`)
    }
    if ((layout !== Layout.ROWS && layout !== Layout.TAGGED) || !Array.isArray(decoded)) {
      throw damaged(`their layout ${layout} is unknown, or they are no list`)
    }
    return decoded
  }

  #pack(layout: number, body: unknown, values: readonly unknown[]): Uint8Array {
    let bytes: Uint8Array
    try {
      bytes = this.#packr.pack(body, RESERVE_START_SPACE | 1)
    } catch (error) {
      throw refusal(values, error)
    }
    bytes[0] = layout
    // The buffer has grown for good, for all of this thread: let it go with these bytes.
    if (bytes.length > MAX_KEPT_BUFFER_BYTES) {
      this.#packr.useBuffer(buffers?.allocUnsafeSlow(FRESH_BUFFER_BYTES) ?? new Uint8Array(FRESH_BUFFER_BYTES))
    }
    return bytes
  }
}
