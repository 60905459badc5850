import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NumberIndex } from "./_number-index.ts"

describe("NumberIndex", () => {
  it("holds what a Map holds, of few keys and of many", () => {
    const step = fc.constantFrom(1, 10, 0.5, 3_600_000, 86_400_000, 2 ** 32, 2 ** 40)
    fc.assert(
      fc.property(step, fc.integer({ min: -1e9, max: 1e9 }), fc.constantFrom(100, 10_000), (step, from, count) => {
        const index = new NumberIndex<number>()
        const keys = Array.from({ length: count }, (_, n) => from + n * step)
        for (const [n, key] of keys.entries()) index.set(key, n)
        for (const [n, key] of keys.entries()) if (n % 3 === 0) index.delete(key)
        const odd = (n: number) => (n % 3 === 0 ? undefined : n)
        expect(keys.every((key, n) => index.get(key) === odd(n))).toBe(true)
        expect(index.get(from - step)).toBeUndefined()
      }),
      { numRuns: 30 },
    )
  })
})
