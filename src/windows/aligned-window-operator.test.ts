import { describe, expect, it } from "vitest"
import { combineAggregates, count, defineAggregate, max, sum } from "../operators/index.ts"
import {
  HARNESS_WORLDS,
  HarnessContext,
  type HarnessInput,
  type HarnessOptions,
  runOperator,
} from "../operators/testing.ts"
import { NO_TIME } from "../records/index.ts"
import { hashKey, type TableEntry } from "../state/index.ts"
import { AlignedWindowOperator } from "./aligned-window-operator.ts"
import { tumbling } from "./tumbling-windows.ts"

interface Sale {
  shop: string
  amount: number
}

const END = Number.POSITIVE_INFINITY
const WINDOWS = "tumbling windows of 10 ms with offset 0 ms"

function newOperator(size = 10, offset = 0) {
  return new AlignedWindowOperator({
    keyOf: (sale: Sale) => sale.shop,
    assigner: tumbling(size, { offset }),
    aggregate: sum((sale: Sale) => sale.amount),
    result: (key, window, total) => `${key} [${window.start},${window.end}) ${total}`,
  })
}

/** Sales as [time, shop, amount], watermarks as numbers. */
function sales(...events: readonly (readonly [number, string, number] | number)[]): HarnessInput<Sale>[] {
  return events.map((event) =>
    typeof event === "number"
      ? { watermarkMs: event }
      : { value: { shop: event[1], amount: event[2] }, timeMs: event[0], key: event[1] },
  )
}

function run(input: readonly HarnessInput<Sale>[], options: HarnessOptions = {}, make = () => newOperator()) {
  const result = runOperator(make, input, options)
  return { ...result, main: result.main.map((o) => ("value" in o ? `${o.value} @${o.timeMs}` : o.watermarkMs)) }
}

describe.each(HARNESS_WORLDS)("AlignedWindowOperator with room for $roomFor, $mode", (world) => {
  it("fires at watermark end - 1, with that time, and hands the watermark on after the results", () => {
    const { main } = run(sales([0, "a", 1], [9, "a", 2], [10, "a", 4], 8, 9, [19, "b", 8], 18, 30), world)
    expect(main).toEqual([8, "a [0,10) 3 @9", 9, 18, "a [10,20) 4 @19", "b [10,20) 8 @19", 30, END])
  })

  it("orders results by window end, then by the first arrival of the key", () => {
    const { main } = run(sales([25, "z", 1], [5, "b", 1], [15, "c", 1], [7, "a", 1], [6, "b", 1], [-3, "q", 1]), world)
    expect(main).toEqual([
      "q [-10,0) 1 @-1",
      "b [0,10) 2 @9",
      "a [0,10) 1 @9",
      "c [10,20) 1 @19",
      "z [20,30) 1 @29",
      END,
    ])
  })

  it("counts a record of a fired window as late and hands it to the side output, with its own time", () => {
    const { main, sides, counts } = run(sales([5, "a", 1], 9, [9, "a", 2], [10, "a", 4], [3, "c", 8]), world)
    expect(main).toEqual(["a [0,10) 1 @9", 9, "a [10,20) 4 @19", END])
    expect(sides.get("late")).toEqual([
      { value: { shop: "a", amount: 2 }, timeMs: 9 },
      { value: { shop: "c", amount: 8 }, timeMs: 3 },
    ])
    expect(counts.late).toBe(2)
  })

  it("takes a record behind the watermark whose window has not fired", () => {
    const { main, counts } = run(sales([15, "a", 1], 17, [11, "a", 2], [10, "a", 4]), world)
    expect(main).toEqual([17, "a [10,20) 7 @19", END])
    expect(counts.late).toBe(0)
  })

  it("emits nothing for a window without records, and skips over a long gap at no cost", () => {
    expect(run(sales(50, [1e12, "a", 1], 1e12 + 100), world).main).toEqual([
      50,
      "a [1000000000000,1000000000010) 1 @1000000000009",
      1e12 + 100,
      END,
    ])
  })

  it("moves its windows by the offset", () => {
    expect(run(sales([3, "a", 1], [4, "a", 2], [-7, "a", 4]), world, () => newOperator(10, 4)).main).toEqual([
      "a [-16,-6) 4 @-7",
      "a [-6,4) 1 @3",
      "a [4,14) 2 @13",
      END,
    ])
  })

  it("leaves nothing behind (WIN-5)", () => {
    const left = (...events: readonly (readonly [number, string, number] | number)[]) => {
      const { operator } = run(sales(...events), { ...world, end: false })
      return [operator.windows, operator.accumulators, operator.firing]
    }
    expect(left([1, "a", 1], [2, "b", 1], [11, "a", 1])).toEqual([2, 3, false])
    expect(left([1, "a", 1], [2, "b", 1], [11, "a", 1], 9)).toEqual([1, 1, false])
    expect(left([1, "a", 1], [2, "b", 1], [11, "a", 1], 25)).toEqual([0, 0, false])
  })
})

describe("AlignedWindowOperator", () => {
  it.each([END, 1_024, 2])("fires 150,000 keys at once without passing its bound of %d", (roomFor) => {
    const input = Array.from({ length: 150_000 }, (_, i) => ({
      value: { shop: `s${i}`, amount: i },
      timeMs: 5,
      key: i,
    }))
    const { operator, records, mostInOutput } = runOperator(newOperator(), input, { roomFor })
    expect(records.length).toBe(150_000)
    expect(records[149_999]).toEqual({ value: "s149999 [0,10) 149999", timeMs: 9 })
    expect(mostInOutput).toBe(Math.min(roomFor, 256))
    expect(operator.accumulators).toBe(0)
  })

  it.each([NO_TIME, Number.NaN, END, 1e300])("refuses a record with time %d with WINDOW_NO_TIME", (timeMs) => {
    expect(() => run([{ value: { shop: "a", amount: 1 }, timeMs }])).toThrowError(
      expect.objectContaining({
        code: "WINDOW_NO_TIME",
        message: expect.stringMatching(/give the source a `time` option/),
      }),
    )
    // Also with a window at hand, where the time is only compared.
    expect(() => run([...sales([1, "a", 1]), { value: { shop: "a", amount: 1 }, timeMs }])).toThrowError(
      /Cannot put a record/,
    )
  })

  it("gives flat records with a combined aggregate", () => {
    const combined = combineAggregates({ sales: count(), best: max((sale: Sale) => sale.amount) })
    const operator = new AlignedWindowOperator({
      keyOf: (sale: Sale) => sale.shop,
      assigner: tumbling("1s"),
      aggregate: combined,
      result: combined.windowed,
    })
    const { records } = runOperator(operator, sales([1, "a", 5], [2, "a", 3]))
    expect(records).toEqual([{ value: { key: "a", window: { start: 0, end: 1_000 }, sales: 2, best: 5 }, timeMs: 999 }])
  })

  it("is late about the same records after a restore (FLINK-24501)", () => {
    const input = sales([5, "a", 1], 9, [9, "a", 2], [10, "a", 4])
    const { main, counts } = run(input, { mode: "restored" })
    expect(main).toEqual(["a [0,10) 1 @9", 9, "a [10,20) 4 @19", END])
    expect(counts.late).toBe(1)
    const restored = newOperator()
    restored.open(new HarnessContext())
    restored.restoreValue([
      { watermarkMs: 30, windows: WINDOWS },
      { watermarkMs: 20, windows: WINDOWS },
    ])
    expect(restored.captureValue()).toEqual({ watermarkMs: 20, windows: WINDOWS })
    // A watermark that a restored channel merges from scratch does not take it back.
    restored.onWatermark(5, { full: false, emit: () => undefined })
    expect(restored.captureValue()).toEqual({ watermarkMs: 20, windows: WINDOWS })
  })

  it("refuses the state of windows of another size or offset with STATE_INCOMPATIBLE", () => {
    for (const other of [newOperator(20), newOperator(10, 5)]) {
      expect(() => newOperator().restoreValue([other.captureValue()])).toThrowError(
        expect.objectContaining({
          code: "STATE_INCOMPATIBLE",
          message: expect.stringMatching(/former size and offset/),
        }),
      )
    }
  })

  it("refuses accumulators of a class in the first capture, and names the aggregate", () => {
    class Sketch {
      readonly registers = [1]
    }
    const combined = combineAggregates({
      sales: count(),
      shops: defineAggregate<Sale, Sketch, number>({
        create: () => new Sketch(),
        add: (sketch) => sketch,
        merge: (sketch) => sketch,
        result: () => 0,
      }),
    })
    const make = () =>
      new AlignedWindowOperator({
        keyOf: (sale: Sale) => sale.shop,
        assigner: tumbling("1s"),
        aggregate: combined,
        result: combined.windowed,
      })
    expect(() => runOperator(make, sales([1, "a", 5]), { mode: "restored" })).toThrowError(
      expect.objectContaining({
        code: "STATE_NOT_SERIALIZABLE",
        message: expect.stringMatching(/of key "a".*its part "shops" is an instance of the class Sketch/),
      }),
    )
  })

  it("captures changes alone: what was touched since, and the deletion of what fired, unless no snapshot holds it", () => {
    const operator = newOperator()
    const context = new HarnessContext(0, true)
    operator.open(context)
    const feed = (timeMs: number, shop: string) => {
      context.keyHash = hashKey(shop)
      operator.onRecord({ shop, amount: 1 }, timeMs, { full: false, emit: () => undefined })
    }
    const captured = (kind: "all" | "changes") => {
      const lines: string[] = []
      const sink = {
        put: ({ key, namespace, value, deleted }: TableEntry) =>
          void lines.push(
            `${deleted ? "-" : "+"}${String(key)} ${namespace} ${deleted ? "" : Object.values(value as object)}`,
          ),
      }
      operator.tables()[0]!.capture(kind, sink).write(100)
      return lines
    }
    feed(5, "a")
    feed(15, "a")
    feed(15, "b")
    expect(captured("all")).toEqual(["+a 0 0,1", "+a 10 0,1", "+b 10 1,1"])
    feed(15, "b")
    feed(25, "c")
    feed(35, "c")
    operator.onWatermark(9, { full: false, emit: () => undefined })
    expect(captured("changes")).toEqual(["-a 0 ", "+b 10 1,2", "+c 20 0,1", "+c 30 0,1"])
    feed(45, "d")
    operator.onWatermark(49, { full: false, emit: () => undefined })
    expect(captured("changes")).toEqual(["-a 10 ", "-b 10 ", "-c 20 ", "-c 30 "])
    expect(captured("changes")).toEqual([])
  })

  it("a capture holds still when a result is the accumulator and its receiver changes it", () => {
    const operator = new AlignedWindowOperator({
      keyOf: (sale: Sale) => sale.shop,
      assigner: tumbling(10),
      aggregate: defineAggregate<Sale, number[], number[]>({
        create: () => [],
        add: (amounts, sale) => [...amounts, sale.amount],
        merge: (left, right) => [...left, ...right],
        result: (amounts) => amounts,
      }),
      result: (_key, _window, amounts) => amounts,
    })
    operator.open(new HarnessContext())
    operator.onRecord({ shop: "a", amount: 1 }, 5, { full: false, emit: () => undefined })
    const captured: unknown[] = []
    const capture = operator
      .tables()[0]!
      .capture("all", { put: ({ value }) => void captured.push(structuredClone(value)) })
    operator.onWatermark(9, { full: false, emit: (amounts) => void amounts.push(99) })
    capture.write(100)
    expect(captured).toEqual([{ sequence: 0, accumulator: [1] }])
  })

  it("captured while windows fire, holds what has not left, and its changes delete what has", () => {
    const operator = newOperator()
    const context = new HarnessContext(0, true)
    operator.open(context)
    let room = 1
    const out = {
      get full() {
        return room === 0
      },
      emit: () => void room--,
    }
    const captured = (kind: "all" | "changes") => {
      const lines: string[] = []
      const put = ({ key, namespace, deleted }: TableEntry) =>
        void lines.push(`${deleted ? "-" : "+"}${key} ${namespace}`)
      operator.tables()[0]!.capture(kind, { put }).write(100)
      return lines
    }
    for (const shop of ["a", "b", "c"]) {
      context.keyHash = hashKey(shop)
      operator.onRecord({ shop, amount: 1 }, 5, out)
    }
    expect(captured("all")).toEqual(["+a 0", "+b 0", "+c 0"])
    operator.onWatermark(9, out)
    expect(operator.firing).toBe(true)
    expect(captured("changes")).toEqual(["-a 0"])
    room = 1
    operator.resume(out)
    expect(captured("all")).toEqual(["+c 0"])
    room = 1
    operator.resume(out)
    expect([operator.firing, operator.windows]).toEqual([false, 0])
  })

  it("takes records that come between its firings: late for what is due, counted for what is open", () => {
    const operator = newOperator()
    const context = new HarnessContext()
    const emitted: string[] = []
    let room = 1
    const out = {
      get full() {
        return room === 0
      },
      emit(value: string) {
        emitted.push(value)
        room--
      },
    }
    operator.open(context)
    const feed = (timeMs: number, shop: string) => {
      context.keyHash = hashKey(shop)
      operator.onRecord({ shop, amount: 1 }, timeMs, out)
    }
    for (const shop of ["a", "b"]) feed(5, shop)
    feed(15, "a")
    operator.onWatermark(9, out)
    expect([emitted, operator.firing]).toEqual([["a [0,10) 1"], true])
    feed(6, "b")
    feed(16, "a")
    expect(context.counts.late).toBe(1)
    room = 10
    operator.resume(out)
    expect([emitted, operator.firing]).toEqual([["a [0,10) 1", "b [0,10) 1"], false])
    operator.onWatermark(19, out)
    expect(emitted[2]).toBe("a [10,20) 2")
  })
})
