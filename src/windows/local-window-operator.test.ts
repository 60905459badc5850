import { describe, expect, it } from "vitest"
import { count } from "../operators/index.ts"
import { HARNESS_WORLDS, HarnessContext, runOperator } from "../operators/testing.ts"
import { type LocalResult, LocalWindowOperator } from "./local-window-operator.ts"
import { sliding } from "./sliding-windows.ts"

const fresh = (maxHeld = 100) =>
  new LocalWindowOperator<string, string, unknown>({
    keyOf: (value) => value,
    slicing: sliding(20, 10),
    aggregate: count() as never,
    maxHeld,
  })
const make = (maxHeld?: number, inexactBarriers = false) => {
  const operator = fresh(maxHeld)
  operator.open(Object.assign(new HarnessContext(), { inexactBarriers }))
  return operator
}
const at = (timeMs: number, key = "a") => ({ value: key, timeMs, key })
const sum = (key: string, value: number) => ({ key, isRecord: false, value })
const record = (key: string) => ({ key, isRecord: true, value: key })

/** An output that holds what it gets, full as told. */
function outbox(full = false) {
  const values: LocalResult<string>[] = []
  return { values, full, emit: (value: LocalResult<string>) => void values.push(value) }
}

describe("LocalWindowOperator", () => {
  it("holds a slice until the watermark at which its first window fires, and hands it on ahead of it", () => {
    const { main } = runOperator(make(), [at(1), at(2), at(11), { watermarkMs: 8 }, at(3), { watermarkMs: 9 }, at(12)])
    expect(main).toEqual([
      { watermarkMs: 8 },
      { value: sum("a", 3), timeMs: 1 },
      { watermarkMs: 9 },
      { value: sum("a", 2), timeMs: 11 },
      { watermarkMs: Number.POSITIVE_INFINITY },
    ])
  })

  it("hands on at once, as it is, a record of whose windows one is over", () => {
    const { main } = runOperator(make(), [{ watermarkMs: 9 }, at(5), at(10)], { end: false })
    expect(main).toEqual([{ watermarkMs: 9 }, { value: record("a"), timeMs: 5 }])
  })

  it("hands on what has no time, for the second phase to refuse", () => {
    const { records } = runOperator(make(), [at(Number.NaN), at(Number.NEGATIVE_INFINITY)], { end: false })
    expect(records.map(({ value }) => value)).toEqual([record("a"), record("a")])
  })

  it("holds no more than it may, over all slices", () => {
    const operator = make(3)
    const out = outbox()
    for (const [timeMs, key] of [
      [1, "a"],
      [11, "a"],
      [12, "a"],
      [1, "b"],
    ] as const) {
      operator.onRecord(key, timeMs, out)
      expect(operator.held).toBeLessThan(3)
    }
    expect(out.values).toEqual([sum("a", 1), sum("b", 1), sum("a", 2)])
  })

  it("is pending while what it hands on finds no room, and takes what comes meanwhile", () => {
    const operator = make()
    const full = outbox(true)
    for (const key of ["a", "b"]) operator.onRecord(key, 1, full)
    operator.flushHeld("barrier", full)
    expect([operator.pending, operator.held, full.values]).toEqual([true, 2, []])
    operator.onRecord("a", 1, full)
    const room = outbox()
    operator.resume(room)
    expect([operator.pending, operator.held, room.values]).toEqual([false, 1, [sum("a", 1), sum("b", 1)]])
  })

  it.each([false, true])("holds nothing once its input has been idle, also after a restore: %j", (restored) => {
    let operator = make()
    operator.onRecord("a", 1, outbox())
    const out = outbox()
    operator.flushHeld("idle", out)
    expect(out.values).toEqual([sum("a", 1)])
    if (restored) {
      const former = [make().captureValue(), operator.captureValue()]
      operator = make()
      operator.restoreValue(former)
    }
    operator.onRecord("a", 1, out)
    expect(out.values.slice(1)).toEqual([record("a")])
  })

  it("holds nothing after a restore from what was captured at least once: the second phase may be ahead", () => {
    const operator = make()
    operator.restoreValue([make(10, true).captureValue()])
    const out = outbox()
    operator.onRecord("a", 1, out)
    expect(out.values).toEqual([record("a")])
  })

  it("goes on from the earliest watermark of those it takes over", () => {
    const former = [15, 9].map((watermarkMs) => {
      const operator = make()
      operator.onWatermark(watermarkMs, outbox())
      return operator.captureValue()
    })
    const operator = make()
    operator.restoreValue(former)
    const out = outbox()
    operator.onWatermark(3, out)
    operator.onRecord("a", 9, out)
    operator.onRecord("a", 12, out)
    expect([operator.held, out.values]).toEqual([1, [record("a")]])
  })

  it.each(HARNESS_WORLDS)("hands on each record once, whatever the room and however it is restored: %o", (world) => {
    const input = Array.from({ length: 30 }, (_, n) => at(n, "abc"[n % 3]))
    const { records } = runOperator<string, LocalResult<string>>(() => make(4), input, world)
    const counted = new Map<string, number>()
    for (const { value } of records) counted.set(value.key, (counted.get(value.key) ?? 0) + (value.value as number))
    expect(counted).toEqual(new Map([..."abc"].map((key) => [key, 10])))
  })
})
