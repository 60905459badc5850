import { describe, expect, it } from "vitest"
import { RecordCodec } from "./record-codec.ts"

/** The shape at the head of a frame. */
function shapeOf(frame: Uint8Array): unknown {
  const words = new DataView(frame.buffer, frame.byteOffset).getUint32(4, true)
  return JSON.parse(Buffer.from(frame.subarray(8, 8 + 4 * words)).toString())
}

function rows<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

describe("RecordCodec", () => {
  it("learns the shape of records, and widens it as they come", () => {
    const codec = new RecordCodec()
    const shapeAfter = (...values: unknown[]) => shapeOf(codec.encode(values))
    expect(shapeAfter({ at: 1, city: "Wien" })).toEqual([11, ["at", "city"], [1, 6]])
    expect(shapeAfter({ at: 300, city: "Graz" })).toEqual([11, ["at", "city"], [2, 6]])
    expect(shapeAfter({ at: 0.5, city: "Linz" })).toEqual([11, ["at", "city"], [4, 6]])
    expect(shapeAfter({ at: 1, city: null })).toEqual([11, ["at", "city"], [4, [13, [6, 7]]]])
    const [mixed] = [shapeAfter({ at: 1, city: "Wien" }, { at: 1 }, 7)] as [unknown[]]
    expect(mixed).toEqual([13, [[11, ["at", "city"], [4, [13, [6, 7]]]], [11, ["at"], [1]], 1]])
  })

  it("forgets a kind that has not come for 64 batches", () => {
    const codec = new RecordCodec()
    codec.encode([1, "once"])
    for (let batch = 0; batch < 63; batch++) expect(shapeOf(codec.encode([1]))).toEqual([13, [1, 6]])
    codec.encode([1])
    expect(shapeOf(codec.encode([1]))).toEqual(1)
    expect(codec.decode(codec.encode([1, "again"]))).toEqual([1, "again"])
  })

  it("gives objects up whose keys are data", () => {
    const codec = new RecordCodec()
    const counts = (batch: number) => rows(50, (index) => ({ [`key ${batch} ${index}`]: index }))
    codec.encode(counts(0))
    expect(shapeOf(codec.encode(counts(1)))).toEqual(10)
    expect(codec.decode(codec.encode(counts(2)))).toEqual(counts(2))
  })

  it("sends strings that repeat once per batch", () => {
    const few = new RecordCodec().encode(rows(1000, (index) => `the long name of station ${index % 10}`))
    expect(few.length).toBeLessThan(1000 + 10 * 30 + 100)
    const more = new RecordCodec().encode(rows(1000, (index) => `the long name of station ${index % 400}`))
    expect(more.length).toBeLessThan(2 * 1000 + 400 * 30 + 100)
  })

  it("writes as many bytes at most as it says", () => {
    const codec = new RecordCodec()
    for (const values of [
      [],
      ["é".repeat(300)],
      ["\u4e16\u754c", "\ud800"],
      rows(99, (index) => ({ a: [index], b: `${index}` })),
    ]) {
      const bound = codec.prepare(values)
      expect(codec.encode(values).length).toBeLessThanOrEqual(bound)
      expect(codec.decode(codec.encode(values))).toEqual(values)
    }
  })

  it("forgets what was prepared and not written", () => {
    const codec = new RecordCodec()
    const values = rows(20, (index) => ({ a: index, b: index % 2 === 0 ? null : "x" }))
    codec.prepare(values)
    expect(codec.decode(codec.encode(values))).toStrictEqual(values)
  })

  it("goes on after it has refused a batch in the middle", () => {
    const codec = new RecordCodec()
    const good = rows(10, (index) => ({ a: index, b: ["x"] }))
    expect(() => codec.encode([...good, { a: 1, b: [() => 1] }])).toThrow(
      expect.objectContaining({ code: "RECORD_NOT_SERIALIZABLE", details: { path: "b[0]", reason: "a function" } }),
    )
    expect(codec.decode(codec.encode(good))).toStrictEqual(good)
  })

  it("gives every record and every nested object an identity of its own", () => {
    const shared = { n: 1 }
    const [first, second] = new RecordCodec().decode(new RecordCodec().encode([{ shared }, { shared }])) as [
      { shared: object },
      { shared: object },
    ]
    expect(first.shared).not.toBe(second.shared)
    Object.assign(first.shared, { n: 2, more: 3 })
    expect(second).toStrictEqual({ shared: { n: 1 } })
  })

  it("keeps keys that are code, and never runs them", () => {
    const record = {
      '"]: (globalThis.ran = 1), x["': 1,
      "\u2028`${globalThis.ran = 1}": "y",
      constructor: 3,
      7: "seven",
    }
    const codec = new RecordCodec()
    expect(codec.decode(codec.encode([record]))).toStrictEqual([record])
    expect("ran" in globalThis).toBe(false)
  })

  it("knows whose cells those are that it gathered before it met another kind, also a kind that it had forgotten", () => {
    const codec = new RecordCodec()
    codec.encode([1, "a", "b", "c"])
    // Batches without text, until it has forgotten that there was some.
    for (let batch = 0; batch < 100; batch++) codec.encode([1])
    codec.gather([1, 2, 3])
    codec.gather([4, "d"])
    expect(codec.decode(codec.encode(["e", 5]))).toEqual([1, 2, 3, 4, "d", "e", 5])
  })
})
