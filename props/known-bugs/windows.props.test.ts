/** Bugs of other engines' windows and timers, by their names there: small inputs, in every kind of world an operator has. */
import { describe, expect, it } from "vitest"
import { count, ProcessOperator, type ProcessSpec, valueState } from "../../src/operators/index.ts"
import { HARNESS_WORLDS, type HarnessEvent, runOperator } from "../../src/operators/testing.ts"
import { HeapKeyedStore, hashKey, keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from "../../src/state/index.ts"
import {
  createWindowOperator,
  cumulative,
  session,
  sliding,
  tumbling,
  type WindowAssigner,
} from "../../src/windows/index.ts"

type Sale = readonly [timeMs: number, shop: string]
const END = Number.POSITIVE_INFINITY

/** Sales, and watermarks as numbers. */
function events(...list: readonly (Sale | number)[]): HarnessEvent<Sale>[] {
  return list.map((each) =>
    typeof each === "number" ? { watermarkMs: each } : { value: each, timeMs: each[0], key: each[1] },
  )
}

const counting = (assigner: WindowAssigner<Sale>) => () =>
  createWindowOperator({ assigner }, ([, shop]: Sale) => shop, {
    kind: "aggregate",
    aggregate: count(),
    result: (shop, window, n) => `${shop} [${window.start},${window.end}) ${n}`,
  })

const texts = (records: readonly { readonly value: unknown }[]) => records.map(({ value }) => String(value))

describe.each(HARNESS_WORLDS)("windows with room for $roomFor, $mode", (world) => {
  const run = (assigner: WindowAssigner<Sale>, ...list: readonly (Sale | number)[]) => {
    const { records, counts, sides, stores } = runOperator(counting(assigner), events(...list), world)
    const kept = [...stores.values()].reduce((sum, { size }) => sum + size, 0)
    return { results: texts(records), late: counts.late, sides, kept }
  }

  it("FLINK-24501, KAFKA-7895: after a restore the same records are late as without one", () => {
    expect(run(tumbling(10), [5, "a"], 9, [9, "a"], [10, "a"])).toMatchObject({
      results: ["a [0,10) 1", "a [10,20) 1"],
      late: 1,
    })
  })

  it("volga-project/volga #169: after a restore a record in time is not taken for late", () => {
    expect(run(tumbling(10), [25, "a"], 8, [3, "a"])).toMatchObject({
      results: ["a [0,10) 1", "a [20,30) 1"],
      late: 0,
    })
  })

  it("FLINK-11408, FLINK-4994: sessions that merge keep a timer, once, and leave nothing behind", () => {
    const merged = run(session(5), [0, "a"], [8, "a"], 3, [4, "a"], 20)
    expect(merged).toMatchObject({ results: ["a [0,13) 3"], late: 0, kept: 0 })
    expect(run(session(5), [0, "a"], [8, "a"], 4, [9, "a"], 20)).toMatchObject({
      results: ["a [0,5) 1", "a [8,14) 2"],
      kept: 0,
    })
  })

  it("FLINK-33192, FLINK-21305: a late record of a slice whose first windows are over counts in those that are not", () => {
    const sliced = run(sliding(20, 10), [5, "a"], 9, [6, "a"], END)
    expect(sliced).toMatchObject({ results: ["a [-10,10) 1", "a [0,20) 2"], late: 0, kept: 0 })
  })

  it("arroyo #829: one record that is late takes no other of its batch with it", () => {
    expect(run(tumbling(10), [15, "a"], 12, [3, "a"], [16, "a"], [4, "b"], [17, "b"])).toMatchObject({
      results: ["a [10,20) 2", "b [10,20) 1"],
      late: 2,
    })
  })

  it("arroyo #596: a window that is over has no part in those after it", () => {
    expect(run(sliding(20, 10), [5, "a"], [25, "a"], END).results).toEqual([
      "a [-10,10) 1",
      "a [0,20) 1",
      "a [10,30) 1",
      "a [20,40) 1",
    ])
  })

  it("KAFKA-3784: the ends of windows belong to the next one, behind 1970 too", () => {
    expect(run(tumbling(10), [-11, "a"], [-10, "a"], [-1, "a"], [0, "a"], [9, "a"], [10, "a"]).results).toEqual([
      "a [-20,-10) 1",
      "a [-10,0) 2",
      "a [0,10) 2",
      "a [10,20) 1",
    ])
    expect(run(cumulative(20, 10), [10, "a"]).results).toEqual(["a [0,20) 1"])
  })

  it("KAFKA-5804: equal records count as often as they come", () => {
    expect(run(tumbling(10), [1, "a"], [1, "a"], [1, "a"]).results).toEqual(["a [0,10) 3"])
  })

  it("hazelcast-jet #840: two states of one key are two states after a restore", () => {
    const state = { seen: valueState<number>(), last: valueState<number>() }
    const spec: ProcessSpec<Sale, string, string, typeof state> = {
      state,
      onRecord([timeMs], ctx) {
        ctx.emit(`${ctx.state.seen.get() ?? 0} ${ctx.state.last.get() ?? "none"}`)
        ctx.state.seen.set((ctx.state.seen.get() ?? 0) + 1)
        ctx.state.last.set(timeMs)
      },
    }
    const make = () => new ProcessOperator({ spec, keyOf: ([, shop]: Sale) => shop })
    const { records } = runOperator(make, events([7, "a"], [8, "a"], [9, "a"]), world)
    expect(texts(records)).toEqual(["0 none", "1 7", "2 8"])
  })

  it("FLINK-26063: a timer fires for the key that set it, and finds that key's state", () => {
    const state = { at: valueState<number>() }
    const spec: ProcessSpec<Sale, string, string, typeof state> = {
      state,
      onRecord([timeMs], ctx) {
        ctx.state.at.set(timeMs)
        ctx.timers.register(10)
      },
      onTimer(timeMs, ctx) {
        ctx.emit(`${ctx.key} ${ctx.state.at.get()} ${timeMs}`)
      },
    }
    const make = () => new ProcessOperator({ spec, keyOf: ([, shop]: Sale) => shop })
    const { records } = runOperator(make, events([1, "a"], [2, "b"], [3, "c"], 10), world)
    expect(texts(records)).toEqual(["a 1 10", "b 2 10", "c 3 10"])
  })
})

describe("rescale and state", () => {
  it("FLINK-11618, apache/flink-agents #581: each key has one owner, whatever the parallelism, and the same one when that does not change", () => {
    const keys = Array.from({ length: 500 }, (_, n) => `key ${n}`)
    for (const parallelism of [1, 2, 3, 7, 128]) {
      const ranges = Array.from({ length: parallelism }, (_, subtask) => keyGroupRange(subtask, 128, parallelism))
      for (const key of keys) {
        const group = keyGroupOf(hashKey(key), 128)
        const owners = [...ranges.entries()].filter(([, { first, end }]) => group >= first && group < end)
        expect(owners.map(([subtask]) => subtask)).toEqual([subtaskOfKeyGroup(group, 128, parallelism)])
      }
    }
  })

  it("KAFKA-14862: two tasks of one operator have times of their own", () => {
    const make = counting(tumbling(10))
    const [one, other] = [make(), make()]
    const ahead = runOperator(one, events([95, "a"], 99), { end: false })
    const behind = runOperator(other, events([5, "a"], 9), { end: false })
    expect(texts(ahead.records)).toEqual(["a [90,100) 1"])
    expect(texts(behind.records)).toEqual(["a [0,10) 1"])
    expect(behind.counts.late).toBe(0)
  })

  it("SPARK-38684, SPARK-38320: who goes through a state sees what they write and delete meanwhile", () => {
    const store = new HeapKeyedStore<number>(1)
    for (const key of ["a", "b"]) store.set(key, hashKey(key), 1)
    const seen: unknown[] = []
    for (const [key] of store.entries()) {
      seen.push(key)
      if (seen.length > 1) continue
      store.delete("b", hashKey("b"))
      store.set("c", hashKey("c"), 1)
    }
    expect(seen).toEqual(["a", "c"])
  })
})
