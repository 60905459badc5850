import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BatchCodec, findUnserializable, RecordBatch, RecordCodec } from "../src/records/index.ts"

/** Any UTF-16 units, lone surrogates included. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.array(fc.nat(0xffff), { maxLength: 80 }).map((units) => String.fromCharCode(...units)),
)
const value = fc.anything({
  key: text,
  values: [
    text,
    fc.integer(),
    fc.double(),
    fc.constantFrom(-0, 2 ** 53, -(2 ** 53), 2 ** 32, Number.NaN, undefined, null),
    fc.boolean(),
    fc.bigInt(),
    fc.date({ noInvalidDate: false }),
  ],
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true,
  withSparseArray: true,
  maxDepth: 4,
})
/** What one field holds in all records of a batch: each of the ways to write a column, and what breaks it. */
const cells = fc.oneof(
  fc.constant(fc.oneof({ weight: 20, arbitrary: fc.integer({ min: -200, max: 200 }) }, fc.constant(-0))),
  fc.constant(fc.oneof(fc.integer(), fc.integer({ min: 2 ** 31, max: 2 ** 40 }))),
  fc.constant(fc.double()),
  fc.constant(
    fc.oneof({ weight: 30, arbitrary: fc.constantFrom("LAS", "PHL", "") }, fc.constantFrom("\ud800", "\udc00x")),
  ),
  fc.constant(fc.string({ maxLength: 30 })),
  fc.constant(fc.oneof(fc.constantFrom("a", "b"), fc.constantFrom(null, undefined, 0))),
  fc.constant(fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes))),
  fc.constant(value),
)
/** Long batches of flat records, which is where columns are used; now and then one of another shape. */
const flat = fc
  .tuple(
    fc.uniqueArray(fc.oneof(fc.constantFrom("a", "b", "delay"), text), { minLength: 1, maxLength: 4 }),
    cells,
    cells,
  )
  .chain(([keys, first, second]) => {
    const cell = fc.tuple(first, second)
    return fc.tuple(
      fc.constant(keys),
      fc.array(cell, { minLength: 1, maxLength: 40, size: "max" }),
      fc.integer({ min: 60, max: 200 }),
      fc.option(fc.nat(200)),
    )
  })
  .map(([keys, rows, count, odd]) =>
    Array.from({ length: count }, (_, index) => {
      const row = rows[index % rows.length]!
      const fields = keys.map((key, column) => [key, row[column % 2]] as const)
      return Object.fromEntries(index === odd ? fields.reverse() : fields)
    }),
  )
/** What happens in streams: records of few shapes in turn, some with nested parts, lists, nulls, and now and then anything at all. */
const record = fc.oneof(
  fc.record({
    id: fc.integer(),
    at: fc.double(),
    name: text,
    note: fc.oneof(fc.constant(null), fc.constantFrom("a", "b")),
  }),
  fc.record({
    id: fc.integer(),
    geo: fc.record({ lat: fc.double(), lon: fc.double() }),
    tags: fc.array(text, { maxLength: 3 }),
  }),
  fc.record({ id: fc.integer(), seen: fc.date({ noInvalidDate: false }), ok: fc.boolean() }, { requiredKeys: ["id"] }),
  fc.record({
    items: fc.array(fc.record({ sku: fc.nat(), n: fc.oneof(fc.nat(5), fc.constant(undefined)) }), { maxLength: 3 }),
  }),
)
const mixed = fc.array(fc.oneof({ weight: 20, arbitrary: record }, { weight: 1, arbitrary: value }), { maxLength: 60 })
const batch = fc.oneof(fc.array(value, { maxLength: 20 }), flat, mixed)

/** toStrictEqual does not compare the order of keys. */
function keysOf(values: readonly unknown[]): unknown {
  return values.map((each) => (typeof each === "object" && each !== null ? Object.keys(each) : undefined))
}

/** Copies by the codec, whose laws are these: other ways to copy change some of what it keeps. */
function copyOf(values: readonly unknown[]): unknown[] {
  return new RecordCodec().decode(new RecordCodec().encode(values))
}

/** All that is in it, in place. */
function change(value: unknown): void {
  if (typeof value !== "object" || value === null) return
  if (value instanceof Date) value.setTime(0)
  else if (value instanceof Map || value instanceof Set) value.clear()
  else if (ArrayBuffer.isView(value)) new Uint8Array(value.buffer).fill(7)
  else {
    for (const key of Object.keys(value)) {
      change((value as Record<string, unknown>)[key])
      ;(value as Record<string, unknown>)[key] = "changed"
    }
  }
}

/** Through shared memory that is overwritten afterwards. */
function throughRing(bytes: Uint8Array): { view: Uint8Array; overwrite: () => void } {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length))
  view.set(bytes)
  return { view, overwrite: () => view.fill(0xee) }
}

describe("codec laws", () => {
  it("ST-5 decode(encode(values)) equals values, for every type accepted and in batches of any shape", () => {
    const sender = new BatchCodec(new RecordCodec())
    const receiver = new BatchCodec(new RecordCodec())
    fc.assert(
      fc.property(batch, (values) => {
        for (const each of values) expect(findUnserializable(each)).toBeUndefined()
        const times = values.map((_, index) => index / 2)
        const { view, overwrite } = throughRing(sender.encode(new RecordBatch(values, times)))
        const decoded = receiver.decode(view)
        overwrite()
        expect(decoded.values).toStrictEqual(values)
        expect(keysOf(decoded.values)).toEqual(keysOf(values))
        expect(decoded.times).toEqual(times)
      }),
      { numRuns: 3 * fc.readConfigureGlobal().numRuns! },
    )
  })

  it("ST-5 what was gathered in parts is written as it was then, where the codec says that it may change", () => {
    let kept = 0
    let looked = 0
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), batch, (parts, rest) => {
        const codec = new RecordCodec()
        const expected: unknown[] = []
        const decode = (): unknown[] => new RecordCodec().decode(codec.encode([]))
        for (const part of parts) {
          const copy = copyOf(part)
          const mayChange = codec.gather(part)
          expected.push(...copy)
          if (mayChange) {
            kept += 1
            for (const each of part) change(each)
          } else {
            looked += 1
            expect(decode()).toStrictEqual(expected.splice(0))
          }
        }
        expected.push(...copyOf(rest))
        expect(new RecordCodec().decode(codec.encode(rest))).toStrictEqual(expected)
      }),
      { numRuns: 2 * fc.readConfigureGlobal().numRuns! },
    )
    expect(Math.min(kept, looked)).toBeGreaterThan(20)
  })

  it("ST-5 bytes that were damaged are refused, or read as records: at once, and with no other error", () => {
    const codec = new BatchCodec(new RecordCodec())
    fc.assert(
      fc.property(
        batch,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (values, hits, cut) => {
          const times = values.map(() => 0)
          const bytes = codec.encode(new RecordBatch(values, times))
          for (const [at, byte] of hits) bytes[at % bytes.length] = byte
          for (const damagedBytes of [bytes, bytes.subarray(0, cut % bytes.length)]) {
            try {
              expect(codec.decode(damagedBytes).size).toBeLessThanOrEqual(bytes.length)
            } catch (error) {
              expect(error).toMatchObject({ code: "RECORD_NOT_READABLE" })
            }
          }
        },
      ),
      { numRuns: 3 * fc.readConfigureGlobal().numRuns! },
    )
  })

  it("ST-5 what is not accepted is refused at encode, wherever it is, and named", () => {
    const refused = fc.constantFrom<unknown>(
      () => 1,
      Symbol("s"),
      new (class Flight {})(),
      Promise.resolve(),
      new WeakMap(),
    )
    const path = fc.array(fc.constantFrom("field", "item", "entry", "member"), { maxLength: 4 })
    const codec = new RecordCodec()
    fc.assert(
      fc.property(refused, path, fc.nat(300), fc.nat(300), (part, steps, before, after) => {
        const record = steps.reduce<unknown>((inner, step) => {
          if (step === "field") return { a: 1, field: inner }
          if (step === "item") return [1, inner]
          return step === "entry" ? new Map([["key", inner]]) : new Set([inner])
        }, part)
        const values = [...Array.from({ length: before }, () => ({ a: 1 })), record, ...Array(after).fill({ a: 1 })]
        expect(findUnserializable(record)).toBeDefined()
        expect(() => codec.encode(values)).toThrow(expect.objectContaining({ code: "RECORD_NOT_SERIALIZABLE" }))
      }),
    )
  })
})
