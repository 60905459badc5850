import fc from "fast-check"
import type { SchemaElement } from "hyparquet"
import { convert, DEFAULT_PARSERS } from "hyparquet/src/convert.js"
import { describe, expect, it } from "vitest"
import type { ColumnDecoder, PageDecoders } from "./_peers.ts"
import { narrowDeep, type ValueOptions, valueDecoder } from "./_values.ts"

const pages = { convert } as PageDecoders
const asMs: ValueOptions = { dates: "ms", binaryAsString: false }
const asDate: ValueOptions = { dates: "Date", binaryAsString: false }

function decoderOf(element: Partial<SchemaElement>, options: ValueOptions = asMs) {
  const full: SchemaElement = { name: "c", repetition_type: "REQUIRED", ...element }
  const decoder: ColumnDecoder = {
    pathInSchema: ["c"],
    type: full.type!,
    element: full,
    schemaPath: [],
    codec: "UNCOMPRESSED",
    parsers: DEFAULT_PARSERS,
  }
  return valueDecoder(decoder, pages, options)
}

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 53n) - 3n, max: -(2n ** 53n) + 3n }),
  fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
  fc.bigInt({ min: -10n, max: 10n }),
)

describe("valueDecoder", () => {
  it("reads 64-bit integers as numbers while safe, else as bigints, value by value", () => {
    const { decode } = decoderOf({ type: "INT64" })
    fc.assert(
      fc.property(fc.array(int64), (values) => {
        const expected = values.map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value))
        expect(Array.from(decode(BigInt64Array.from(values)))).toEqual(expected)
      }),
    )
  })

  it("reads unsigned 64-bit integers beyond 2^63", () => {
    const { decode } = decoderOf({ type: "INT64", converted_type: "UINT_64" })
    expect(Array.from(decode(BigInt64Array.of(-1n, 5n, 2n ** 53n)))).toEqual([2n ** 64n - 1n, 5, 2n ** 53n])
  })

  it.each([
    ["MILLIS", 1n],
    ["MICROS", 1000n],
    ["NANOS", 1_000_000n],
  ] as const)("reads timestamps in %s as epoch ms, rounded down", (unit, perMs) => {
    const { decode } = decoderOf({ type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: false, unit } })
    fc.assert(
      fc.property(fc.array(int64), (values) => {
        const expected = values.map((value) => Number(value >= 0n ? value / perMs : -((-value + perMs - 1n) / perMs)))
        expect(Array.from(decode(BigInt64Array.from(values)), (ms) => Number(ms) + 0)).toEqual(expected)
      }),
    )
  })

  it("makes a Date of its own for each row where Dates are asked for", () => {
    const { decode, fresh } = decoderOf({ type: "INT32", converted_type: "DATE" }, asDate)
    const [day] = Array.from(decode(Int32Array.of(-1)))
    expect(day).toBe(-86_400_000)
    expect(fresh!(day)).toEqual(new Date("1969-12-31T00:00:00Z"))
    expect(fresh!(day)).not.toBe(fresh!(day))
  })

  it("makes bytes and JSON anew for each row, so that rows share nothing", () => {
    const bytes = decoderOf({ type: "BYTE_ARRAY" })
    const stored = Uint8Array.of(1, 2, 3).subarray(1)
    const [value] = Array.from(bytes.decode([stored]))
    expect(bytes.fresh!(value)).toEqual(Uint8Array.of(2, 3))
    expect((bytes.fresh!(value) as Uint8Array).buffer).not.toBe(stored.buffer)

    const json = decoderOf({ type: "BYTE_ARRAY", converted_type: "JSON" })
    const [text] = Array.from(json.decode([new TextEncoder().encode('{"a":[1]}')]))
    expect(json.fresh!(text)).toEqual({ a: [1] })
  })

  it("reads byte arrays without a type as text only when asked to", () => {
    const { decode, fresh } = decoderOf({ type: "BYTE_ARRAY" }, { ...asMs, binaryAsString: true })
    expect(Array.from(decode([new TextEncoder().encode("héllo")]))).toEqual(["héllo"])
    expect(fresh).toBeUndefined()
  })
})

describe("narrowDeep", () => {
  it("narrows integers within lists and structs, and leaves Dates and bytes alone", () => {
    const date = new Date(0)
    const bytes = Uint8Array.of(1)
    expect(narrowDeep({ a: [1n, 2n ** 60n, null], b: { c: 3n, date, bytes }, d: undefined })).toEqual({
      a: [1, 2n ** 60n, null],
      b: { c: 3, date, bytes },
      d: null,
    })
  })
})
