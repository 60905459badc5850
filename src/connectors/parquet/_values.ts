import type { DecodedArray, ParquetParsers, SchemaElement } from "hyparquet"
import type { ColumnDecoder, PageDecoders } from "./_peers.ts"

export interface ValueOptions {
  readonly dates: "ms" | "Date"
  readonly binaryAsString: boolean
}

/** How the stored values of one flat column become JavaScript values. */
export interface ValueDecoder {
  /** Converts values as stored (no nulls among them). The result may share memory with `stored`. */
  decode(stored: DecodedArray): ArrayLike<unknown>
  /**
   * Makes an own copy for each row where values are mutable, since a dictionary hands the same value to many rows.
   * Undefined where values are immutable.
   */
  readonly fresh: ((value: unknown) => unknown) | undefined
}

const textDecoder = new TextDecoder()

/** Parsers that make epoch milliseconds, rounded down, in place of Dates. */
export const MS_PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (ms: bigint) => Number(ms),
  timestampFromMicroseconds: (us: bigint) => floorDivide(us, 1000n),
  timestampFromNanoseconds: (ns: bigint) => floorDivide(ns, 1_000_000n),
  dateFromDays: (days: number) => days * 86_400_000,
}

/** Parsers that make Dates, rounded down to the millisecond as well. */
export const DATE_PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (ms: bigint) => new Date(Number(ms)),
  timestampFromMicroseconds: (us: bigint) => new Date(floorDivide(us, 1000n)),
  timestampFromNanoseconds: (ns: bigint) => new Date(floorDivide(ns, 1_000_000n)),
  dateFromDays: (days: number) => new Date(days * 86_400_000),
}

/** Chooses the decoder of a column by its type. The common 64-bit types are read without a BigInt per value. */
export function valueDecoder(decoder: ColumnDecoder, pages: PageDecoders, options: ValueOptions): ValueDecoder {
  const { element } = decoder
  const instant = isInstant(element)
  const fresh = freshFor(element, instant, options)
  const unitsPerMs = timestampUnitsPerMs(element)
  if (unitsPerMs !== undefined) return { decode: (stored) => timestamps(stored, unitsPerMs), fresh }
  if (element.type === "INT64" && element.converted_type !== "DECIMAL") {
    const unsigned = isUnsigned(element)
    return { decode: (stored) => integers(stored, unsigned), fresh }
  }
  const parsers = {
    ...decoder.parsers,
    ...MS_PARSERS,
    // Parsed for each row by `fresh`: rows must not share objects.
    jsonFromBytes: (bytes: Uint8Array) => textDecoder.decode(bytes),
  }
  const withParsers: ColumnDecoder = { ...decoder, parsers, utf8: options.binaryAsString }
  return { decode: (stored) => pages.convert(stored, withParsers), fresh }
}

/** 64-bit integers anywhere within a nested value: a number when safe, else a bigint. Changes arrays and objects in place. */
export function narrowDeep(value: unknown): unknown {
  if (typeof value === "bigint") return narrow(value)
  if (value === undefined) return null
  if (typeof value !== "object" || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value
  const fields = value as Record<string, unknown>
  for (const key of Object.keys(fields)) fields[key] = narrowDeep(fields[key])
  return value
}

function narrow(value: bigint): number | bigint {
  const asNumber = Number(value)
  return Number.isSafeInteger(asNumber) ? asNumber : value
}

function floorDivide(value: bigint, by: bigint): number {
  const quotient = value / by
  return Number(value < 0n && quotient * by !== value ? quotient - 1n : quotient)
}

function isInstant(element: SchemaElement): boolean {
  return (
    element.converted_type === "DATE" ||
    timestampUnitsPerMs(element) !== undefined ||
    (element.type === "INT96" && element.converted_type === undefined)
  )
}

/** Undefined for what is no 64-bit timestamp. */
function timestampUnitsPerMs({ type, converted_type, logical_type }: SchemaElement): number | undefined {
  if (type !== "INT64") return undefined
  if (logical_type?.type === "TIMESTAMP") {
    return logical_type.unit === "NANOS" ? 1_000_000 : logical_type.unit === "MICROS" ? 1000 : 1
  }
  return converted_type === "TIMESTAMP_MICROS" ? 1000 : converted_type === "TIMESTAMP_MILLIS" ? 1 : undefined
}

function isUnsigned({ converted_type, logical_type }: SchemaElement): boolean {
  return converted_type === "UINT_64" || (logical_type?.type === "INTEGER" && !logical_type.isSigned)
}

function freshFor(element: SchemaElement, instant: boolean, options: ValueOptions): ValueDecoder["fresh"] {
  if (instant) return options.dates === "Date" ? (ms) => new Date(ms as number) : undefined
  if (element.converted_type === "JSON") return (text) => JSON.parse(text as string)
  const logical = element.logical_type?.type
  if (logical === "GEOMETRY" || logical === "GEOGRAPHY") return (shape) => structuredClone(shape)
  // A view on the page's memory would keep all of the page alive, and be shared between rows.
  if (isBinary(element, options)) return (bytes) => (bytes as Uint8Array).slice()
  return undefined
}

function isBinary({ type, converted_type, logical_type }: SchemaElement, { binaryAsString }: ValueOptions): boolean {
  if (converted_type !== undefined || logical_type !== undefined) return false
  return type === "FIXED_LEN_BYTE_ARRAY" || (type === "BYTE_ARRAY" && !binaryAsString)
}

/** High and low words of 64-bit integers, little-endian as Parquet (and every platform of Node's) stores them. */
function words(stored: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(stored.buffer, stored.byteOffset, stored.length * 2)
}

const HIGH = 4_294_967_296
/** |high word| below this: the value is a safe integer. */
const SAFE_HIGH = 0x20_0000

function integers(stored: DecodedArray, unsigned: boolean): ArrayLike<unknown> {
  if (!(stored instanceof BigInt64Array)) return Array.from(stored as ArrayLike<bigint>, narrow)
  const parts = words(stored)
  const result: unknown[] = new Array(stored.length)
  for (let index = 0; index < stored.length; index++) {
    const high = parts[2 * index + 1]!
    const safe = high < SAFE_HIGH && high >= (unsigned ? 0 : -SAFE_HIGH + 1)
    result[index] = safe
      ? high * HIGH + (parts[2 * index]! >>> 0)
      : narrow(unsigned ? BigInt.asUintN(64, stored[index]!) : stored[index]!)
  }
  return result
}

function timestamps(stored: DecodedArray, unitsPerMs: number): ArrayLike<unknown> {
  const divisor = BigInt(unitsPerMs)
  if (!(stored instanceof BigInt64Array)) {
    return Array.from(stored as ArrayLike<bigint>, (value) => floorDivide(value, divisor))
  }
  const parts = words(stored)
  const result: unknown[] = new Array(stored.length)
  for (let index = 0; index < stored.length; index++) {
    const high = parts[2 * index + 1]!
    // A safe integer divided by a power of ten has one correctly rounded result, and its floor is right: the quotient
    // of safe integers cannot be rounded up to an integer unless it is one (2^53 / 1000 leaves 10 spare bits).
    result[index] =
      high < SAFE_HIGH && high > -SAFE_HIGH
        ? Math.floor((high * HIGH + (parts[2 * index]! >>> 0)) / unitsPerMs)
        : floorDivide(stored[index]!, divisor)
  }
  return result
}
