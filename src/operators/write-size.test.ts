import { describe, expect, it } from "vitest"
import { WriteSize } from "./_write-size.ts"

/** The size after so many full writes that cost this. */
function sizeAfter(writes: number, costMs: (records: number) => number, size = new WriteSize(512)): number {
  for (let write = 0; write < writes; write++) size.observe(size.records, costMs(size.records))
  return size.records
}

describe("WriteSize", () => {
  it("shrinks for a writer that is slow by the record, until no write takes long", () => {
    expect(sizeAfter(20, (records) => records)).toBe(32)
    expect(sizeAfter(20, (records) => 5 + records)).toBe(32)
  })

  it("never asks for fewer than 8 records", () => {
    expect(sizeAfter(50, (records) => 1000 * records)).toBe(8)
  })

  it("stays large for a writer that is slow by the call, and tries again only now and then", () => {
    const size = new WriteSize(512)
    let small = 0
    for (let write = 0; write < 1000; write++) {
      if (size.records < 512) small += 1
      size.observe(size.records, 80)
    }
    expect(size.records).toBe(512)
    expect(small).toBeLessThan(20)
  })

  it("grows again when the writer is fast again, and passes over writes that say little", () => {
    const size = new WriteSize(512)
    sizeAfter(20, (records) => records, size)
    size.observe(1, 500)
    expect(size.records).toBe(32)
    expect(sizeAfter(10, () => 1, size)).toBe(512)
  })
})
