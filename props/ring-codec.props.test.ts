import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BatchCodec, findUnserializable, MsgpackCodec, RecordBatch } from "../src/records/index.ts"

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
/** Batches of any values, and long batches of few shapes, which is where columns are used. */
const batch = fc.oneof(
  fc.array(value, { maxLength: 20 }),
  fc
    .tuple(
      fc.uniqueArray(text, { minLength: 1, maxLength: 5 }),
      fc.array(fc.array(value, { minLength: 5, maxLength: 5 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 60, max: 200 }),
    )
    .map(([keys, rows, count]) =>
      Array.from({ length: count }, (_, index) =>
        Object.fromEntries(keys.map((key, column) => [key, rows[index % rows.length]![column]])),
      ),
    ),
)

/** Through shared memory that is overwritten afterwards. */
function throughRing(bytes: Uint8Array): { view: Uint8Array; overwrite: () => void } {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length))
  view.set(bytes)
  return { view, overwrite: () => view.fill(0xee) }
}

describe("codec laws", () => {
  it("ST-5 decode(encode(values)) equals values, for every type accepted and in batches of any shape", () => {
    const sender = new BatchCodec(new MsgpackCodec())
    const receiver = new BatchCodec(new MsgpackCodec())
    fc.assert(
      fc.property(batch, (values) => {
        for (const each of values) expect(findUnserializable(each)).toBeUndefined()
        const times = values.map((_, index) => index / 2)
        const { view, overwrite } = throughRing(sender.encode(new RecordBatch(values, times)))
        const decoded = receiver.decode(view)
        overwrite()
        expect(decoded.values).toStrictEqual(values)
        expect(decoded.times).toEqual(times)
      }),
      { numRuns: 5 * fc.readConfigureGlobal().numRuns! },
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
    const codec = new MsgpackCodec()
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
