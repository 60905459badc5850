import { describe, expect, it } from "vitest"
import { MsgpackCodec } from "./msgpack-codec.ts"
import { MAX_DEPTH } from "./plainness.ts"
import { RecordCodec } from "./record-codec.ts"

/** Through memory that is shared and overwritten afterwards, as on a ring. */
const flight = (index: number) => ({
  date: 978_307_200_000 + index * 60_000,
  delay: (index % 90) - 10,
  distance: 200 + index,
  origin: ["LAS", "PHL", "ORD"][index % 3],
  destination: `D${index}`,
})

const kept: [string, unknown][] = [
  ["null", null],
  ["undefined", undefined],
  ["booleans", [true, false]],
  ["negative zero", -0],
  ["NaN and infinities", [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  [
    "integers of all widths",
    [
      0,
      63,
      64,
      127,
      128,
      255,
      256,
      65535,
      65536,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53,
      -32,
      -33,
      -128,
      -129,
      -32769,
      -(2 ** 31) - 1,
      -(2 ** 53),
    ],
  ],
  ["fractions", [0.1, 1e308, 5e-324, -1.5]],
  ["bigints", [0n, -1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n, -(2n ** 64n), 2n ** 2000n, -(2n ** 2000n) - 1n]],
  ["strings", ["", "x".repeat(31), "x".repeat(64), "ü€😀".repeat(50), "x".repeat(70_000)]],
  ["lone surrogates", ["\ud800", "a\udc00b", `${"x".repeat(100)}\udfff`]],
  [
    "dates",
    [new Date(0), new Date(-1), new Date(978_307_200_123), new Date(-8.64e15), new Date(8.64e15), new Date(Number.NaN)],
  ],
  [
    "typed arrays",
    [
      new Uint8Array([1, 2]),
      new Int16Array([-1]),
      new Float64Array([-0, Number.NaN]),
      new BigInt64Array([1n]),
      new Uint8ClampedArray(300),
      new Float32Array(0),
    ],
  ],
  ["a view on a part", new Uint16Array(new Uint16Array([1, 2, 3, 4]).buffer, 2, 2)],
  ["array buffers", [new Uint8Array([1, 2]).buffer, new DataView(new ArrayBuffer(3))]],
  ["Buffers", [Buffer.from("abc"), Buffer.alloc(0), Buffer.alloc(300, 7)]],
  [
    "maps",
    new Map<unknown, unknown>([
      ["a", 1],
      [{ k: 1 }, [2]],
      [new Date(1), -0],
      [Number.NaN, undefined],
    ]),
  ],
  ["sets", new Set<unknown>([1, "a", { b: new Set([2]) }])],
  ["nested", { a: { b: [{ c: new Map([["d", [{}]]]) }] } }],
  ["awkward keys", { constructor: 1, toJSON: 2, hasOwnProperty: 3, length: 4, "": 5, "a b": 6, 7: 7, ключ: 8 }],
  ["own __proto__", JSON.parse('{"__proto__": {"a": -0}, "b": 1}')],
  ["surrogate keys", { "\ud800": 1, ok: 2 }],
  ["no prototype", Object.assign(Object.create(null), { a: 1 })],
  // biome-ignore lint/suspicious/noSparseArray: the holes are what is tested
  ["holes", [, 1, , undefined]],
  ["arrays that look like tags", [[0, -0], [1, "a", 2], [5], [6, new Uint16Array(2)], [7]]],
  ["deep nesting", Array.from({ length: MAX_DEPTH - 1 }).reduce<unknown>((inner) => ({ inner }), 1)],
]

describe.each([
  ["MsgpackCodec", MsgpackCodec],
  ["RecordCodec", RecordCodec],
])("%s", (_codec, Codec) => {
  function roundTrip(values: unknown[], codec: MsgpackCodec | RecordCodec = new Codec()): unknown[] {
    const encoded = codec.encode(values)
    const ring = new Uint8Array(new SharedArrayBuffer(encoded.length + 13)).fill(0xee)
    ring.set(encoded, 5)
    const decoded = codec.decode(ring.subarray(5, 5 + encoded.length))
    ring.fill(0xee)
    return decoded
  }

  it.each(kept)("gives back %s", (_name, value) => {
    expect(roundTrip([value])).toStrictEqual([value])
    expect(roundTrip([-0, value])).toStrictEqual([-0, value])
    const batch = Array.from({ length: 100 }, (_, index) => ({ index, value }))
    expect(roundTrip(batch)).toStrictEqual(batch)
  })

  it.each([0, 1, 2, 5, 63, 64, 65, 512, 5000])("gives back %i flat records with their order of keys", (count) => {
    const records = Array.from({ length: count }, (_, index) => flight(index))
    const decoded = roundTrip(records)
    expect(decoded).toStrictEqual(records)
    expect(decoded.map((record) => Object.keys(record as object))).toEqual(records.map((record) => Object.keys(record)))
  })

  it.each([
    ["-0 among integers", (index: number) => (index === 40 ? -0 : index)],
    ["bytes", (index: number) => (index % 256) - 128],
    ["shorts", (index: number) => (index % 2 === 0 ? 32_767 : -32_768)],
    ["integers", (index: number) => (index % 2 === 0 ? 2 ** 31 - 1 : -(2 ** 31))],
    ["beyond 32 bits", (index: number) => 2 ** 32 + index],
    ["numbers and strings", (index: number) => (index % 2 === 0 ? index : `${index}`)],
    ["strings, then a null", (index: number) => (index === 99 ? null : "x")],
    ["few strings", (index: number) => `word ${index % 7}`],
    ["many strings", (index: number) => `word ${index}`],
    ["many strings late", (index: number) => (index < 60 ? "x" : `word ${index}`)],
    ["a lone surrogate", (index: number) => (index === 50 ? "\ud800" : "x")],
    ["a lone surrogate among many", (index: number) => (index === 90 ? "\ud800" : `w${index}`)],
    ["typed arrays and lists", (index: number) => (index % 2 === 0 ? new Uint8Array(3) : [["a"], new Uint8Array(1)])],
    ["undefined", () => undefined],
    ["dates", (index: number) => new Date(index)],
    ["-0 inside objects", (index: number) => ({ a: index === 70 ? -0 : 0 })],
  ])("gives back columns of %s", (_name, cell) => {
    const records = Array.from({ length: 300 }, (_, index) => ({ before: index, cell: cell(index), after: "z" }))
    expect(roundTrip(records)).toStrictEqual(records)
  })

  it("gives back batches of mixed shapes, and of more shapes than a frame can name", () => {
    const order = Array.from({ length: 100 }, (_, index) => (index === 99 ? { b: 1, a: 2 } : { a: 1, b: 2 }))
    expect(roundTrip(order).map((record) => Object.keys(record as object).join())).toEqual([
      ...Array.from({ length: 99 }, () => "a,b"),
      "b,a",
    ])
    const shapes = Array.from({ length: 1000 }, (_, index) => ({
      [`key${index % 200}`]: index,
      common: { [`k${index % 90}`]: 1 },
    }))
    const codec = new Codec()
    for (let round = 0; round < 3; round++) expect(roundTrip(shapes, codec)).toStrictEqual(shapes)
    const primitives = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? index : null))
    expect(roundTrip(primitives)).toStrictEqual(primitives)
  })

  it("writes frames that need no other frame", () => {
    const codec = new Codec()
    const frames = [1, 100, 3].map((count) => codec.encode(Array.from({ length: count }, (_, i) => flight(i))).slice())
    for (const frame of frames.reverse()) expect(new Codec().decode(frame)[0]).toEqual(flight(0))
  })

  it("keeps what it encoded until it encodes again, whatever other codecs do", () => {
    const codec = new Codec()
    const bytes = codec.encode([flight(1)])
    for (let round = 0; round < 100; round++) new Codec().encode([flight(2), "x".repeat(5000)])
    expect(codec.decode(bytes)).toEqual([flight(1)])
  })

  it("gives back a record of 50 MB and works on", () => {
    const codec = new Codec()
    const record = {
      text: "0123456789".repeat(3_000_000),
      bytes: new Uint8Array(20_000_000).fill(7),
      node: Buffer.alloc(70_000, 8),
    }
    const [decoded] = roundTrip([record], codec) as [typeof record]
    expect(decoded.text === record.text).toBe(true)
    expect(Buffer.compare(decoded.bytes, record.bytes)).toBe(0)
    expect(Buffer.isBuffer(decoded.node) && decoded.node.equals(record.node)).toBe(true)
    expect(roundTrip([flight(1)], codec)).toEqual([flight(1)])
  })

  it.each([
    ["a function", { user: { callback: () => 1 } }, 'field "user.callback" is a function'],
    ["a symbol", { s: Symbol("x") }, 'field "s" is a symbol'],
    ["a promise", { p: Promise.resolve() }, 'field "p" is an instance of the class Promise'],
    ["a cycle", Object.assign([] as unknown[], { 0: 1 }), undefined],
    ["a record that is a function", () => 1, "the record itself is a function"],
  ])("refuses %s with the path to it", (_name, value, text) => {
    if (Array.isArray(value)) value.push(value)
    const message = `Cannot serialize a record for another thread: ${text ?? 'field "[1]" is a reference back to a value that contains it'}; send plain data (numbers, strings, dates, maps, arrays, plain objects), or keep the value inside one operator`
    for (const batch of [[value], Array.from({ length: 600 }, (_, index) => (index === 500 ? value : flight(index)))]) {
      const codec = new Codec()
      expect(() => codec.encode(batch)).toThrow(expect.objectContaining({ code: "RECORD_NOT_SERIALIZABLE", message }))
      expect(roundTrip([flight(1)], codec)).toEqual([flight(1)])
    }
  })

  it("refuses a symbol as a key in the first 64 records and in every 256th", () => {
    const codec = new Codec()
    const hidden = () => ({ [Symbol("x")]: 1 })
    expect(() => codec.encode([hidden()])).toThrow(/key is a symbol/)
    expect(() => codec.encode([hidden()])).toThrow(/key is a symbol/)
    codec.encode(Array.from({ length: 64 }, (_, index) => flight(index)))
    expect(() => codec.encode(Array.from({ length: 257 }, hidden))).toThrow(/key is a symbol/)
  })

  it("refuses a frame of another version", () => {
    expect(() => new Codec().decode(new Uint8Array([9, 0x90]))).toThrow(
      expect.objectContaining({ code: "RECORD_NOT_READABLE" }),
    )
  })
})
