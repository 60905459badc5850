import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { pipeline } from "../api/index.ts"
import { count, valueState } from "../operators/index.ts"
import { tumbling } from "../windows/index.ts"
import { proofText, prove } from "./index.ts"

interface Item {
  readonly k: number
  readonly t: number
}

const ITEMS: readonly Item[] = Array.from({ length: 30 }, (_, n) => ({ k: n % 3, t: n }))
const QUICK = { runs: 40, seed: 1 } as const

const sound = pipeline("sound", ({ source }) => {
  source(ITEMS, { time: (item) => item.t })
    .keyBy((item) => item.k)
    .window(tumbling(10))
    .aggregate({ n: count() })
    .print()
    .name("counts")
})

describe("prove()", () => {
  it("finds nothing in a pipeline that keeps the rules, and says what it tried", async () => {
    const seen: number[] = []
    const proof = await prove(sound, { ...QUICK, onProgress: ({ schedules }) => seen.push(schedules) })
    expect(proof.failure).toBeUndefined()
    expect(proof.statistics.schedules).toBe(40)
    expect(proof.statistics.distinct).toBeGreaterThan(20)
    expect(proof.statistics.crashes).toBeGreaterThan(0)
    expect(seen).toHaveLength(40)
    expect(proofText(proof, "job.ts")).toMatch(/^sound: nothing found\n {2}40 schedules/)
  })

  it.each<[what: string, fn: (item: Item) => unknown]>([
    ["the clock", (item: Item) => ({ ...item, at: Date.now() })],
    ["a new Date", (item: Item) => ({ ...item, day: new Date().getUTCHours() })],
    ["chance", (item: Item) => ({ ...item, luck: Math.random() })],
  ])("names the operator whose function looks at %s", async (_what, fn) => {
    const job = pipeline("impure", ({ source }) => {
      source(ITEMS)
        .filter((item) => item.k > 0)
        .map(fn)
        .name("guilty")
        .map((item) => item)
        .print()
    })
    const { failure } = await prove(job, QUICK)
    expect(failure).toMatchObject({ kind: "function", operator: "guilty" })
  })

  it("names the operator that answers in another order, by a variable of the module", async () => {
    let flip = false
    const job = pipeline("moody", ({ source }) => {
      source([1, 2, 3])
        .flatMap((n) => {
          flip = !flip
          return flip ? [n, -n] : [-n, n]
        })
        .name("guilty")
        .print()
    })
    expect((await prove(job, QUICK)).failure).toMatchObject({ kind: "function", operator: "guilty" })
  })

  it("names the operator that changes the record it is given", async () => {
    const job = pipeline("changing", ({ source }) => {
      source([{ n: 1 }])
        .map((item) => {
          item.n += 1
          return { n: item.n }
        })
        .name("guilty")
        .print()
    })
    const { failure } = await prove(job, QUICK)
    expect(failure).toMatchObject({ kind: "function", operator: "guilty" })
    expect(failure!.message).toContain('{"n":1} is {"n":2} afterwards')
  })

  it("names the operator whose key is not the record's", async () => {
    let turn = 0
    const job = pipeline("unsteady", ({ source }) => {
      source([1, 2, 3])
        .keyBy(() => turn++)
        .reduce((a, b) => a + b)
        .name("guilty")
        .print()
    })
    expect((await prove(job, QUICK)).failure).toMatchObject({ kind: "function", operator: "guilty" })
  })

  it("finds state that is kept outside of the engine, by a crash", { timeout: 120_000 }, async () => {
    const job = pipeline("forgetful", ({ source }) => {
      source(ITEMS)
        .keyBy((item) => item.k)
        .process<{ k: number; nth: number }>(
          (() => {
            // One object for all subtasks, and nobody restores it.
            const seen = new Map<number, number>()
            return {
              open: () => seen.clear(),
              onRecord(item: Item, ctx: { emit(value: { k: number; nth: number }): void }) {
                seen.set(item.k, (seen.get(item.k) ?? 0) + 1)
                ctx.emit({ k: item.k, nth: seen.get(item.k)! })
              },
            }
          })(),
        )
        .name("guilty")
        .print()
        .name("out")
    })
    const { failure } = await prove(job, { runs: 200, seed: 1, recordsPerRun: 12 })
    expect(failure).toMatchObject({ kind: "output", operator: "out" })
    expect(failure!.records["source-1"]!.length).toBeLessThanOrEqual(10)
  })

  it("shows the same failure again from its seed and path", { timeout: 120_000 }, async () => {
    const job = pipeline("order", ({ source }) => {
      source(ITEMS)
        .rebalance()
        .map((item) => item)
        .keyBy((item) => item.k)
        .reduce((before, item) => ({ k: item.k, t: item.t - before.t }))
        .print()
    })
    const { failure } = await prove(job, { runs: 200, seed: 5 })
    expect(failure?.kind).toBe("output")
    const again = await prove(job, failure!.replay!)
    expect(again.failure).toEqual({ ...failure, replay: again.failure!.replay })
    expect(again.statistics.schedules).toBe(1)
    expect(failure!.records["source-1"]!.length).toBeLessThanOrEqual(10)
  })

  it("says that records were late when that is why the output differs", { timeout: 120_000 }, async () => {
    const job = pipeline("late", ({ source }) => {
      source([{ k: 0, t: 50 }, { k: 0, t: 1 }, ...ITEMS] as readonly Item[], { time: (item) => item.t })
        .rebalance()
        .map((item) => item)
        .keyBy((item) => item.k)
        .window(tumbling(10))
        .aggregate({ n: count() })
        .print()
    })
    const { failure } = await prove(job, { runs: 200, seed: 2 })
    expect(failure?.kind).toBe("late")
    expect(failure!.message).toContain("outOfOrder")
  })

  it("checks what the user states, on records that the user draws", async () => {
    const job = pipeline("totals", ({ source }) => {
      source([] as readonly Item[])
        .name("items")
        .keyBy((item) => item.k)
        .process<number, never, { sum: ReturnType<typeof valueState<number>> }>({
          state: { sum: valueState<number>() },
          onRecord(item, ctx) {
            const sum = (ctx.state.sum.get() ?? 0) + item.t
            ctx.state.sum.set(sum)
            ctx.emit(sum)
          },
        })
        .print()
        .name("sums")
    })
    const items = fc.array(fc.record({ k: fc.constant(0), t: fc.integer({ min: -5, max: 5 }) }), { maxLength: 20 })
    const { failure } = await prove(job, {
      runs: 200,
      seed: 3,
      records: { items },
      invariants: { "no sum is negative": ({ sums }) => sums!.every((sum) => (sum as number) >= 0) },
    })
    expect(failure).toMatchObject({ kind: "invariant", message: '"no sum is negative" does not hold' })
    expect(failure!.records.items).toEqual([{ k: 0, t: -1 }])
  })

  describe("order", () => {
    const order = { out: (item: Item) => item.k }

    it("finds that records of a key overtake each other, which nothing else shows", { timeout: 120_000 }, async () => {
      const job = pipeline("overtaking", ({ source }) => {
        source(ITEMS)
          .rebalance()
          .map((item) => item)
          .print()
          .name("out")
      })
      expect((await prove(job, { ...QUICK, recordsPerRun: 12 })).failure).toBeUndefined()
      const { failure } = await prove(job, { runs: 200, seed: 1, recordsPerRun: 12, order })
      expect(failure).toMatchObject({ kind: "output", operator: "out" })
      expect(failure!.message).toMatch(/the records of key \d in another order than .*: \{"k":\d,"t":\d+\} where /)
      expect(failure!.records["source-1"]!.length).toBeLessThanOrEqual(10)
    })

    it("finds nothing where a key's records stay on one way", async () => {
      const job = pipeline("steady", ({ source }) => {
        source(ITEMS)
          .keyBy((item) => item.k)
          .reduce((_, item) => item)
          .print()
          .name("out")
      })
      expect((await prove(job, { ...QUICK, order })).failure).toBeUndefined()
    })

    it("refuses an order of a sink that is not there", async () => {
      await expect(prove(sound, { order: { nowhere: (each) => each } })).rejects.toMatchObject({
        code: "PROOF_SINK_UNKNOWN",
      })
    })
  })

  describe("delivery at least once", () => {
    const delivery = "at-least-once"

    it("lets records come again", async () => {
      const job = pipeline("again", ({ source }) => {
        source(ITEMS)
          .rebalance()
          .map((item) => item)
          .print()
      })
      expect((await prove(job, { ...QUICK, delivery })).failure).toBeUndefined()
    })

    it("finds a count that records which come again make wrong, which nothing else shows", {
      timeout: 120_000,
    }, async () => {
      const job = pipeline("counts", ({ source }) => {
        source(ITEMS)
          .rebalance()
          .map((item) => item)
          .keyBy((item) => item.k)
          .process<number, never, { n: ReturnType<typeof valueState<number>> }>({
            state: { n: valueState<number>() },
            onRecord(_item, ctx) {
              const n = (ctx.state.n.get() ?? 0) + 1
              ctx.state.n.set(n)
              ctx.emit(n)
            },
          })
          .print()
          .name("out")
      })
      expect((await prove(job, { ...QUICK, recordsPerRun: 12 })).failure).toBeUndefined()
      const proof = await prove(job, { runs: 500, seed: 1, recordsPerRun: 12, delivery })
      expect(proofText(proof, "job.ts")).toContain(
        "again: millrace prove job.ts --delivery at-least-once --seed 1 --path ",
      )
      const { failure } = proof
      expect(failure).toMatchObject({ kind: "output", operator: "out" })
      expect(failure!.message).toContain("beyond that: ")
    })
  })

  it("refuses data for a source, and a sink, that are not there", async () => {
    await expect(prove(sound, { records: { nowhere: [] } })).rejects.toMatchObject({ code: "PROOF_SOURCE_UNKNOWN" })
    await expect(
      prove(sound, { sinks: { nowhere: { reset: () => undefined, read: () => [] } } }),
    ).rejects.toMatchObject({ code: "PROOF_SINK_UNKNOWN" })
  })
})
