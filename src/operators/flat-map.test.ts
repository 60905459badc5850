import { describe, expect, it } from "vitest"
import { FlatMapOperator } from "./flat-map.ts"
import { HARNESS_WORLDS, HarnessContext, runOperator } from "./operator-harness.ts"

function* countTo(n: number): Generator<number> {
  for (let i = 1; i <= n; i++) yield i
}

describe.each(HARNESS_WORLDS)("FlatMapOperator with room for $roomFor, $mode", (world) => {
  it.each([
    ["arrays", (n: number) => [...countTo(n)]],
    ["generators", countTo],
    ["sets", (n: number) => new Set(countTo(n))],
  ])("hands on all of %s in order, at the record's time, before the next watermark", (_kind, fn) => {
    const input = [{ value: 3, timeMs: 10 }, { watermarkMs: 15 }, { value: 0, timeMs: 20 }, { value: 2, timeMs: 30 }]
    const { main, mostInOutput } = runOperator(() => new FlatMapOperator<number, number>({ fn }), input, world)
    expect(main).toEqual([
      { value: 1, timeMs: 10 },
      { value: 2, timeMs: 10 },
      { value: 3, timeMs: 10 },
      { watermarkMs: 15 },
      { value: 1, timeMs: 30 },
      { value: 2, timeMs: 30 },
      { watermarkMs: Number.POSITIVE_INFINITY },
    ])
    expect(mostInOutput).toBeLessThanOrEqual(world.roomFor)
  })
})

describe("FlatMapOperator", () => {
  /** An output with room for one, that the test empties. */
  function slot() {
    const emitted: unknown[] = []
    return { emitted, full: false, emit: (value: unknown) => void emitted.push(value) }
  }

  it("draws from an iterable only while there is room", () => {
    let drawn = 0
    const endless = function* () {
      for (;;) yield drawn++
    }
    const operator = new FlatMapOperator<number, number>({ fn: endless })
    const out = {
      emitted: 0,
      get full() {
        return this.emitted >= 3
      },
      emit() {
        this.emitted++
      },
    }
    operator.onRecord(0, 0, out)
    expect(operator.pending).toBe(true)
    expect(drawn).toBe(3)
    operator.resume(out)
    expect(drawn).toBe(3)
  })

  it("lets records that overshoot wait behind the pending ones", () => {
    const operator = new FlatMapOperator<string, string>({ fn: (value) => [`${value}1`, `${value}2`] })
    const out = slot()
    out.full = true
    operator.onRecord("a", 1, out)
    operator.onRecord("b", 2, out)
    operator.onRecord("c", 3, out)
    expect(out.emitted).toEqual([])
    out.full = false
    operator.resume(out)
    expect(out.emitted).toEqual(["a1", "a2", "b1", "b2", "c1", "c2"])
    expect(operator.pending).toBe(false)
  })

  it("close() ends every pending iterable, also when ending one of them fails, and no other", () => {
    const ended: string[] = []
    /** Two records, and a clean-up that fails for "b". */
    const iterable = (name: string): Iterable<string> => ({
      [Symbol.iterator]() {
        let left = 2
        return {
          next: () => (left-- > 0 ? { done: false, value: name } : { done: true, value: undefined }),
          return() {
            ended.push(name)
            if (name === "b") throw new Error("cannot clean up")
            return { done: true, value: undefined }
          },
        }
      },
    })
    const operator = new FlatMapOperator<string, string>({ fn: iterable })
    const out = slot()
    operator.onRecord("used up", 0, out)
    out.full = true
    for (const name of ["a", "b", "c"]) operator.onRecord(name, 0, out)
    expect(() => operator.close()).toThrowError("cannot clean up")
    expect(ended).toEqual(["a", "b", "c"])
    expect(operator.pending).toBe(false)
  })

  it.each([undefined, null, 7, { a: 1 }])("refuses %s with FLAT_MAP_NOT_ITERABLE", (given) => {
    const operator = new FlatMapOperator<number, number>({ fn: () => given as unknown as number[] })
    expect(() => operator.onRecord(1, 0, new HarnessContext().side("x"))).toThrowError(
      expect.objectContaining({
        code: "FLAT_MAP_NOT_ITERABLE",
        message: expect.stringMatching(/return \[\] for none/),
      }),
    )
  })
})
