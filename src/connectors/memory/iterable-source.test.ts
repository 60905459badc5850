import { Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import type { Position, ReadContext, Source, SourceBatch } from "../../contracts/index.ts"
import { type Items, iterableSource } from "./iterable-source.ts"

function contextWith(signal: AbortSignal = new AbortController().signal): ReadContext {
  return {
    signal,
    now: () => performance.now(),
    sleep,
    rate: () => Number.POSITIVE_INFINITY,
    malformed: () => expect.unreachable(),
  }
}

async function batchesOf<T>(source: Source<T>, from?: Position): Promise<SourceBatch<T>[]> {
  const batches: SourceBatch<T>[] = []
  for (const split of await source.splits({ parallelism: 2 })) {
    for await (const batch of source.read(split, from, contextWith())) batches.push(batch)
  }
  return batches
}

async function valuesOf<T>(source: Source<T>, from?: Position): Promise<T[]> {
  return (await batchesOf(source, from)).flatMap((batch) => batch.values)
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

function* upTo(count: number): Generator<number> {
  for (let n = 0; n < count; n++) yield n
}

async function* upToAsync(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n
}

describe("iterableSource", () => {
  it("cuts an array into contiguous ranges, no more than readers, only when it is long", async () => {
    const countSplits = async (length: number, parallelism: number) =>
      (await iterableSource(numbers(length)).splits({ parallelism })).length
    expect(await countSplits(0, 4)).toBe(1)
    expect(await countSplits(1024, 4)).toBe(1)
    expect(await countSplits(1025, 4)).toBe(2)
    expect(await countSplits(100_000, 4)).toBe(4)
    expect(await valuesOf(iterableSource(numbers(10_001)))).toEqual(numbers(10_001))
  })

  it.each<[string, () => Items<number>]>([
    ["an array", () => numbers(5000)],
    ["a set", () => new Set(numbers(5000))],
    ["a function returning an array", () => () => numbers(5000)],
    ["a generator function", () => () => upTo(5000)],
    ["an async generator function", () => () => upToAsync(5000)],
    ["an async iterable", () => ({ [Symbol.asyncIterator]: () => upToAsync(5000) })],
  ])("reads %s in batches of at most 1,024, from any position", async (_name, items) => {
    const source = iterableSource(items())
    const [split] = await source.splits({ parallelism: 1 })
    const batches: SourceBatch<number>[] = []
    for await (const batch of source.read(split!, undefined, contextWith())) batches.push(batch)
    expect(batches.flatMap((batch) => batch.values)).toEqual(numbers(5000))
    expect(Math.max(...batches.map((batch) => batch.values.length))).toBe(1024)
    for (const { next } of batches) {
      const rest: number[] = []
      for await (const batch of source.read(split!, next, contextWith())) rest.push(...batch.values)
      expect(rest).toEqual(numbers(5000).slice(next as number))
    }
  })

  it("hands out plain iterables as iterables, which the engine reads within its steps", async () => {
    const source = iterableSource(new Set([1, 2]))
    const [split] = await source.splits({ parallelism: 1 })
    expect(Symbol.iterator in source.read(split!, undefined, contextWith())).toBe(true)
  })

  it.each<[string, () => Items<number>]>([
    ["a generator", () => upTo(10)],
    ["an async generator", () => upToAsync(10)],
    ["a stream", () => Readable.from(numbers(10))],
    [
      "a function that returns the same generator again",
      () => {
        const once = upTo(10)
        return () => once
      },
    ],
  ])("reads %s once and refuses to read it again", async (_name, items) => {
    const source = iterableSource(items())
    expect(await valuesOf(source)).toEqual(numbers(10))
    await expect(valuesOf(source)).rejects.toMatchObject({ code: "SOURCE_NOT_REPLAYABLE" })
  })

  it("refuses to resume a generator, and takes nothing from it", async () => {
    const items = upTo(10)
    await expect(valuesOf(iterableSource(items), 5)).rejects.toMatchObject({ code: "SOURCE_NOT_REPLAYABLE" })
    expect(items.next().value).toBe(0)
  })

  it("refuses what cannot be iterated", async () => {
    const code = "SOURCE_NOT_ITERABLE"
    expect(() => iterableSource(17 as never)).toThrow(expect.objectContaining({ code }))
    expect(() => iterableSource(undefined as never)).toThrow(expect.objectContaining({ code }))
    await expect(valuesOf(iterableSource((() => 17) as never))).rejects.toMatchObject({ code })
  })

  it("calls the iterator's return() when reading ends early", async () => {
    let closed = false
    const source = iterableSource(function* () {
      try {
        yield* upTo(5000)
      } finally {
        closed = true
      }
    })
    const [split] = await source.splits({ parallelism: 1 })
    const stop = new AbortController()
    for (const _batch of source.read(split!, undefined, contextWith(stop.signal)) as Iterable<unknown>) stop.abort()
    expect(closed).toBe(true)
  })
})
