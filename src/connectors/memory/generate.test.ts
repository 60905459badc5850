import { describe, expect, it } from "vitest"
import type { ReadContext, SourceBatch } from "../../contracts/index.ts"
import { type GenerateOptions, generate } from "./generate.ts"

interface TimedBatch {
  readonly atMs: number
  readonly values: readonly number[]
  readonly next: unknown
}

/** A clock that stands still but while a reader sleeps, and jumps by `costMs` after each batch. */
class VirtualTime implements ReadContext {
  nowMs = 0
  perSecond = Number.POSITIVE_INFINITY
  readonly #stop = new AbortController()
  readonly signal = this.#stop.signal
  readonly #untilMs: number

  constructor(untilMs = Number.POSITIVE_INFINITY) {
    this.#untilMs = untilMs
  }

  now(): number {
    return this.nowMs
  }

  async sleep(ms: number): Promise<void> {
    this.advance(ms)
  }

  advance(ms: number): void {
    this.nowMs += ms
    if (this.nowMs > this.#untilMs) this.#stop.abort()
  }

  rate(): number {
    return this.perSecond
  }

  malformed(): void {
    expect.unreachable()
  }
}

async function read(
  options: Partial<GenerateOptions<number>>,
  context: VirtualTime,
  { split = 0, parallelism = 1, from = undefined as number | undefined, costMs = 0 } = {},
): Promise<TimedBatch[]> {
  const source = generate({ record: (n) => n, ...options })
  const splits = await source.splits({ parallelism })
  const batches: TimedBatch[] = []
  for await (const batch of source.read(splits[split]!, from, context) as AsyncIterable<SourceBatch<number>>) {
    batches.push({ atMs: context.nowMs, ...batch })
    context.advance(costMs)
  }
  return batches
}

const valuesOf = (batches: readonly TimedBatch[]) => batches.flatMap((batch) => batch.values)

describe("generate", () => {
  it("makes the records 0 to count - 1 in batches of 1,024 when nothing limits the rate", async () => {
    const batches = await read({ count: 2500 }, new VirtualTime())
    expect(batches.map((batch) => batch.values.length)).toEqual([1024, 1024, 452])
    expect(valuesOf(batches)).toEqual(Array.from({ length: 2500 }, (_, n) => n))
  })

  it("deals the records out to its splits, and resumes each from any position", async () => {
    const seen: number[] = []
    for (const split of [0, 1, 2]) {
      const batches = await read({ count: 5000, splits: 3 }, new VirtualTime(), { split })
      const values = valuesOf(batches)
      expect(values.every((n) => n % 3 === split)).toBe(true)
      seen.push(...values)
      const { next } = batches[0]!
      const rest = await read({ count: 5000, splits: 3 }, new VirtualTime(), { split, from: next as number })
      expect(valuesOf(rest)).toEqual(values.slice(batches[0]!.values.length))
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  it("makes a record each second at 1 record/s, each in a batch of its own", async () => {
    const context = new VirtualTime(5500)
    context.perSecond = 1
    const batches = await read({ rate: 1 }, context)
    expect(batches.map(({ atMs, values }) => [atMs, values])).toEqual([0, 1, 2, 3, 4, 5].map((n) => [n * 1000, [n]]))
  })

  it("does not drift when making and handing on takes time", async () => {
    const context = new VirtualTime(10_000)
    context.perSecond = 1000
    const values = valuesOf(await read({ rate: 1000 }, context, { costMs: 7.3 }))
    expect(values.length).toBeGreaterThan(9985)
    expect(values.length).toBeLessThanOrEqual(10_001)
  })

  it("notices a changed rate within 100 ms, also from a pause", async () => {
    const context = new VirtualTime(2000)
    context.perSecond = 0
    const reading = read({ rate: 10 }, context)
    const original = context.sleep.bind(context)
    context.sleep = (ms) => {
      if (context.nowMs >= 1000) context.perSecond = 100
      return original(ms)
    }
    const batches = await reading
    expect(batches[0]!.atMs).toBeGreaterThanOrEqual(1000)
    expect(batches[0]!.atMs).toBeLessThanOrEqual(1210)
  })

  it("makes up for readers that have no split", async () => {
    const context = new VirtualTime(10_000)
    context.perSecond = 25 // a fourth of 100: one of four readers
    const options = { rate: 100, splits: 1, count: 100_000 }
    expect(valuesOf(await read(options, context, { parallelism: 4 })).length).toBeCloseTo(1000, -2)
  })

  it("gives the event loop its turn and ends on abort, also at full speed", async () => {
    const stop = new AbortController()
    const source = generate({ record: (n) => n })
    const [split] = await source.splits({ parallelism: 1 })
    const context = Object.assign(new VirtualTime(), { signal: stop.signal, now: () => performance.now() })
    setTimeout(() => stop.abort(), 20)
    let records = 0
    for await (const batch of source.read(split!, undefined, context)) records += batch.values.length
    expect(records).toBeGreaterThan(0)
  })

  it("tells the engine its rate and whether it ends", () => {
    const record = (n: number) => n
    expect(generate({ record, rate: 50 })).toMatchObject({ rate: 50, bounded: false })
    expect(generate({ record, count: 3 })).toMatchObject({ rate: Number.POSITIVE_INFINITY, bounded: true })
  })

  it("refuses options that mean nothing", () => {
    const record = (n: number) => n
    const invalid = expect.objectContaining({ code: "OPTION_INVALID" })
    for (const options of [{ count: -1 }, { count: 1.5 }, { rate: 0 }, { rate: Number.NaN }, { splits: 0 }]) {
      expect(() => generate({ record, ...options })).toThrow(invalid)
    }
  })
})
