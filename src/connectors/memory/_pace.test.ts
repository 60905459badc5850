import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Pace } from "./_pace.ts"

describe("Pace", () => {
  it("makes record i due i / rate seconds after the first, however irregularly it is asked", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), steps, (rate, waits) => {
        const pace = new Pace()
        let nowMs = 1_000_000
        let made = pace.due(nowMs, rate)
        pace.made(made)
        expect(made).toBe(1)
        for (const waitMs of waits) {
          nowMs += waitMs
          const due = pace.due(nowMs, rate)
          pace.made(due)
          made += due
          expect(made).toBe(Math.floor(((nowMs - 1_000_000) * rate) / 1000) + 1)
        }
      }),
    )
  })

  it("says when the next record is due", () => {
    const pace = new Pace()
    pace.made(pace.due(0, 2))
    expect(pace.due(499, 2)).toBe(0)
    expect(pace.msUntilDue(499)).toBe(1)
    expect(pace.due(500, 2)).toBe(1)
  })

  it("catches up one second's worth at most, and then keeps the pace", () => {
    const pace = new Pace()
    pace.made(pace.due(0, 100))
    expect(pace.due(60_000, 100)).toBe(100)
    pace.made(100)
    expect(pace.due(60_000, 100)).toBe(0)
    expect(pace.due(61_000, 100)).toBe(100)
    const slow = new Pace()
    slow.made(slow.due(0, 0.1))
    expect(slow.due(100_000, 0.1)).toBe(1)
  })

  it("begins a new schedule at a new rate, one interval ahead, and pauses at 0", () => {
    const pace = new Pace()
    pace.made(pace.due(0, 1))
    expect(pace.due(100, 10)).toBe(0)
    expect(pace.due(200, 10)).toBe(1)
    expect(pace.due(200, 0)).toBe(0)
    expect(pace.msUntilDue(200)).toBe(Number.POSITIVE_INFINITY)
    expect(pace.due(5000, 10)).toBe(0)
    expect(pace.due(5100, 10)).toBe(1)
    expect(pace.due(5100, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
  })
})
