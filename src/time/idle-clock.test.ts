import { expect, it } from "vitest"
import { IdleClock } from "./idle-clock.ts"

it("IdleClock says idle after the quiet time, and not before", () => {
  const clock = new IdleClock(100, 1000)
  expect(clock.isIdle(1099)).toBe(false)
  expect(clock.remainingMs(1060)).toBe(40)
  expect(clock.isIdle(1100)).toBe(true)
  clock.restart(1100)
  expect(clock.isIdle(1150)).toBe(false)
  expect(clock.quietMs(1150)).toBe(50)
})

it("IdleClock of +Infinity is never idle", () => {
  expect(new IdleClock(Number.POSITIVE_INFINITY, 0).isIdle(Number.MAX_VALUE)).toBe(false)
})
