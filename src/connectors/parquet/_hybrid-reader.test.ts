import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { HybridReader } from "./_hybrid-reader.ts"

/** A run of the encoding: the same value several times, or groups of 8 bit-packed values. */
type Run = { readonly repeat: number; readonly value: number } | { readonly values: readonly number[] }

/** The plainest encoder: bits as an array of 0 and 1. */
function encode(runs: readonly Run[], width: number): Uint8Array {
  const bytes: number[] = []
  for (const run of runs) {
    if ("values" in run) {
      pushVarint(bytes, ((run.values.length / 8) << 1) | 1)
      const bits = run.values.flatMap((value) =>
        Array.from({ length: width }, (_, bit) => Math.floor(value / 2 ** bit) % 2),
      )
      for (let at = 0; at < bits.length; at += 8) {
        bytes.push(bits.slice(at, at + 8).reduce((byte, bit, index) => byte + bit * 2 ** index, 0))
      }
    } else {
      pushVarint(bytes, run.repeat * 2)
      for (let index = 0; index < Math.ceil(width / 8); index++) bytes.push(Math.floor(run.value / 256 ** index) % 256)
    }
  }
  return Uint8Array.from(bytes)
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

const encoded = fc.integer({ min: 1, max: 32 }).chain((width) => {
  const value = fc.integer({ min: 0, max: 2 ** width - 1 })
  const repeated = fc.record({ repeat: fc.integer({ min: 1, max: 300 }), value })
  const packed = fc
    .integer({ min: 1, max: 5 })
    .chain((groups) => fc.array(value, { minLength: groups * 8, maxLength: groups * 8 }))
    .map((values) => ({ values }))
  return fc.record({
    width: fc.constant(width),
    runs: fc.array(fc.oneof(repeated, packed), { minLength: 1, maxLength: 8 }),
  })
})

describe("HybridReader", () => {
  it("read() in pieces of any size yields what was encoded, at every bit width", () => {
    fc.assert(
      fc.property(encoded, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), ({ width, runs }, pieces) => {
        const expected = runs.flatMap((run) =>
          "values" in run ? run.values : new Array<number>(run.repeat).fill(run.value),
        )
        const bytes = encode(runs, width)
        const reader = new HybridReader(bytes, 0, bytes.length, width)
        const actual: number[] = []
        for (let piece = 0; actual.length < expected.length; piece++) {
          const count = Math.min(pieces[piece % pieces.length]!, expected.length - actual.length)
          const out = new Uint32Array(count)
          reader.read(out, count)
          actual.push(...out)
        }
        expect(actual).toEqual(expected)
      }),
    )
  })

  it("read() yields zeros without any bytes when the width is 0", () => {
    const out = Uint32Array.of(7, 7, 7)
    new HybridReader(new Uint8Array(0), 0, 0, 0).read(out, 3)
    expect([...out]).toEqual([0, 0, 0])
  })

  it("takeRun() takes values only from one run of the value asked for", () => {
    const bytes = encode([{ repeat: 10, value: 1 }, { repeat: 5, value: 0 }, { values: [1, 1, 1, 1, 1, 1, 1, 1] }], 1)
    const reader = new HybridReader(bytes, 0, bytes.length, 1)
    expect(reader.takeRun(1, 4)).toBe(true)
    expect(reader.takeRun(1, 7)).toBe(false)
    expect(reader.takeRun(0, 6)).toBe(false)
    expect(reader.takeRun(1, 6)).toBe(true)
    expect(reader.takeRun(1, 1)).toBe(false)
    expect(reader.takeRun(0, 5)).toBe(true)
    expect(reader.takeRun(1, 8)).toBe(false)
    const out = new Uint32Array(8)
    reader.read(out, 8)
    expect([...out]).toEqual([1, 1, 1, 1, 1, 1, 1, 1])
  })

  it("read() refuses a page that ends before its values do", () => {
    const bytes = encode([{ repeat: 4, value: 3 }], 2)
    expect(() => new HybridReader(bytes, 0, bytes.length, 2).read(new Uint32Array(5), 5)).toThrow("a run should begin")
    expect(() => new HybridReader(bytes, 0, 1, 2).read(new Uint32Array(1), 1)).toThrow("within a run")
    expect(() => new HybridReader(Uint8Array.of(3), 0, 1, 2).read(new Uint32Array(8), 8)).toThrow("bit-packed run")
    expect(() => new HybridReader(bytes, 0, bytes.length + 2, 2)).toThrow("2 bytes too early")
    expect(() => new HybridReader(bytes, 0, bytes.length, 33)).toThrow("bit width")
  })
})
