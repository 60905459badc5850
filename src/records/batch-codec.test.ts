import { describe, expect, it } from "vitest"
import { BatchCodec } from "./batch-codec.ts"

import { NO_TIME, RecordBatch } from "./record-batch.ts"
import { RecordCodec } from "./record-codec.ts"

const codec = new BatchCodec(new RecordCodec())

describe("BatchCodec", () => {
  it.each([
    ["all columns", new RecordBatch(["a", -0, null], [1, 2.5, NO_TIME], [0, 1, 2 ** 32 - 1])],
    ["no times", new RecordBatch([1, 2, 3], [NO_TIME, NO_TIME, NO_TIME], [4, 5, 6])],
    ["no key hashes", new RecordBatch([1], [978_307_200_000])],
    ["values alone", new RecordBatch([1, 2], [NO_TIME, NO_TIME])],
    ["nothing", new RecordBatch()],
  ])("gives back a batch with %s", (_name, batch) => {
    const bytes = codec.encode(batch)
    expect(codec.decode(bytes)).toStrictEqual(batch)
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(codec.decode(shifted.subarray(3))).toStrictEqual(batch)
  })

  it("leaves out columns without content", () => {
    const values = Array.from({ length: 100 }, (_, index) => index % 50)
    const none = values.map(() => NO_TIME)
    const bare = codec.encode(new RecordBatch(values, none)).length
    expect(codec.encode(new RecordBatch(values, values)).length).toBe(bare + 800)
    expect(codec.encode(new RecordBatch(values, none, values)).length).toBe(bare + 400)
  })

  it("stops on columns of different length", () => {
    const broken = expect.objectContaining({ code: "INVARIANT_BROKEN" })
    expect(() => codec.encode(new RecordBatch([1], []))).toThrow(broken)
    expect(() => codec.encode(new RecordBatch([1], [1], [1, 2]))).toThrow(broken)
  })

  it("refuses bytes that hold no batch", () => {
    const unreadable = expect.objectContaining({ code: "RECORD_NOT_READABLE" })
    expect(() => codec.decode(new Uint8Array(4))).toThrow(unreadable)
    const bytes = codec.encode(new RecordBatch([1, 2], [1, 2]))
    bytes[0] = 200
    expect(() => codec.decode(bytes)).toThrow(unreadable)
    bytes[0] = 2
    bytes[4] = 9
    expect(() => codec.decode(bytes)).toThrow(unreadable)
  })
})
