import { Packr as AnyPackr, RESERVE_START_SPACE } from "msgpackr/pack"
import { Unpackr as AnyUnpackr } from "msgpackr/unpack"
import { EngineError } from "../errors/index.ts"
import { fromColumns, MIN_COLUMN_RECORDS, toColumns } from "./_columns.ts"
import { fromTagged, toTagged } from "./_tagged.ts"
import { findUnserializable, inspect, Plainness, type Unserializable } from "./plainness.ts"
import type { ValueCodec } from "./value-codec.ts"

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
  /** `[count, columns]` of _columns.ts. */
  COLUMNS: 1,
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

const FIRST_CHECKED_RECORDS = 64
const CHECK_EVERY_RECORDS = 256

/**
 * Values as msgpack, for records of any shape. Each frame defines its record shapes itself.
 *
 * - Accepts what plainness.ts accepts, and gives back an equal value: -0, NaN, undefined, lone surrogates, holes, bigints,
 *   dates, typed arrays, Buffers, maps, sets, objects without prototype. Two fields that refer to one object arrive as two.
 * - Refuses the rest with RECORD_NOT_SERIALIZABLE: functions, symbols and instances of classes always, before anything is
 *   written; fields that only `findUnserializable` sees (symbols as keys, not enumerable) in the first 64 records and
 *   in every 256th.
 *
 * Cost: frames of at least 64 records of one shape travel as columns, others as rows, each record walked once before it is
 * packed (which costs rows about a third of their speed, and is what makes refusals and -0 exact).
 *
 * One instance per channel end. Throws {EngineError} RECORD_NOT_SERIALIZABLE.
 */
export class MsgpackCodec implements ValueCodec {
  readonly #packr = new TypedPackr(OPTIONS)
  readonly #unpackr = new TypedUnpackr(OPTIONS)
  #encodedRecords = 0
  #nextChecked = 0

  encode(values: readonly unknown[]): Uint8Array {
    this.#checkSome(values)
    const bytes = this.#encode(values)
    this.#encodedRecords += values.length
    return bytes
  }

  decode(bytes: Uint8Array): unknown[] {
    const body = bytes.subarray(1)
    // From a Buffer, so that Buffers come out as Buffers. It is a view, not a copy.
    const source = buffers === undefined ? body : buffers.from(body.buffer, body.byteOffset, body.length)
    const decoded = this.#unpackr.unpack(source) as unknown[]
    switch (bytes[0]) {
      case Layout.ROWS:
        return decoded
      case Layout.COLUMNS:
        return fromColumns(decoded[1] as unknown[], decoded[0] as number)
      case Layout.TAGGED:
        return decoded.map(fromTagged)
      default:
        throw new EngineError(
          "RECORD_NOT_READABLE",
          `Cannot decode records: their layout ${bytes[0]} is unknown; they were written by another version or are damaged`,
        )
    }
  }

  #encode(values: readonly unknown[]): Uint8Array {
    if (values.length >= MIN_COLUMN_RECORDS) {
      const columns = toColumns(values)
      if (columns !== undefined) return this.#pack(Layout.COLUMNS, [values.length, columns], values)
    }
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

  #checkSome(values: readonly unknown[]): void {
    while (this.#nextChecked < this.#encodedRecords + values.length) {
      const found = findUnserializable(values[this.#nextChecked - this.#encodedRecords])
      if (found !== undefined) throw refusalOf(found)
      this.#nextChecked += this.#nextChecked < FIRST_CHECKED_RECORDS ? 1 : CHECK_EVERY_RECORDS
    }
  }
}

/** The error for a batch of which at least one record cannot be encoded. */
function refusal(values: readonly unknown[], cause?: unknown): EngineError {
  for (const value of values) {
    const found = findUnserializable(value)
    if (found !== undefined) return refusalOf(found, cause)
  }
  const reason = cause instanceof Error ? cause.message : "a part of it changed while it was looked at"
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a batch of ${values.length} records for another thread: ${reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects) in smaller records`,
    { cause },
  )
}

function refusalOf({ path, reason }: Unserializable, cause?: unknown): EngineError {
  const part = path === "" ? "the record itself" : `field "${path}"`
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a record for another thread: ${part} is ${reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects), or keep the value inside one operator`,
    { cause, details: { path, reason } },
  )
}
