import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { AsyncBatches } from "./_async-batches.ts"

const never = new AbortController().signal

/** An async iterator driven by hand: every `next()` waits until `give`, `end` or `fail`. */
class Hand implements AsyncIterableIterator<number> {
  asked = 0
  returned = 0
  #answer: { resolve(result: IteratorResult<number>): void; reject(error: unknown): void } | undefined;

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<number>> {
    expect(this.#answer).toBeUndefined()
    this.asked++
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<number>> {
    this.returned++
    return new Promise(() => undefined) // as an async generator that waits for something: answers never
  }

  give(value: number): void {
    this.#take().resolve({ done: false, value })
  }

  end(): void {
    this.#take().resolve({ done: true, value: undefined })
  }

  fail(error: unknown): void {
    this.#take().reject(error)
  }

  #take() {
    const answer = this.#answer!
    this.#answer = undefined
    return answer
  }
}

describe("AsyncBatches", () => {
  it("passes a slow producer's item on at once, in a batch of its own", async () => {
    const hand = new Hand()
    const batches = new AsyncBatches(hand, 0, 1024, { signal: never })
    const first = batches.next()
    await sleep(5)
    hand.give(7)
    expect(await first).toEqual({ done: false, value: { values: [7], next: 1 } })
    hand.give(8)
    expect(await batches.next()).toEqual({ done: false, value: { values: [8], next: 2 } })
  })

  it("gathers what a fast producer has ready within one turn, up to the bound", async () => {
    async function* fast() {
      for (let n = 0; n < 25; n++) yield n
    }
    const sizes: number[] = []
    for await (const batch of new AsyncBatches(fast(), 0, 10, { signal: never })) sizes.push(batch.values.length)
    expect(sizes).toEqual([10, 10, 5])
  })

  it("asks the producer for nothing while no batch is wanted, and loses nothing in between", async () => {
    const hand = new Hand()
    const batches = new AsyncBatches(hand, 0, 1024, { signal: never })
    await sleep(1)
    expect(hand.asked).toBe(0)
    const first = batches.next()
    hand.give(1)
    await first
    expect(hand.asked).toBe(2)
    hand.give(2)
    await sleep(1)
    expect(hand.asked).toBe(2)
    expect((await batches.next()).value?.values).toEqual([2])
  })

  it("leaves out the first items and counts positions from the beginning", async () => {
    async function* items() {
      for (let n = 0; n < 5; n++) yield n
    }
    const batches = new AsyncBatches(items(), 3, 10, { signal: never })
    expect(await batches.next()).toEqual({ done: false, value: { values: [3, 4], next: 5 } })
    expect(await batches.next()).toEqual({ done: true, value: undefined })
  })

  it("hands on what came before a failure, then fails", async () => {
    async function* failing() {
      yield 1
      throw new Error("lost connection")
    }
    const batches = new AsyncBatches(failing(), 0, 10, { signal: never })
    expect((await batches.next()).value?.values).toEqual([1])
    await expect(batches.next()).rejects.toThrow("lost connection")
  })

  it("passes on the error of an iterator that throws in place of rejecting", async () => {
    const thrower = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          throw new Error("no promise")
        },
      }),
    }
    await expect(new AsyncBatches<number>(thrower, 0, 10, { signal: never }).next()).rejects.toThrow("no promise")
  })

  it.each(["abort", "return"])(
    "ends at once on %s, though the producer answers neither next() nor return()",
    async (way) => {
      const hand = new Hand()
      const stop = new AbortController()
      const batches = new AsyncBatches(hand, 0, 10, { signal: stop.signal })
      const waiting = batches.next()
      if (way === "abort") stop.abort()
      else await batches.return()
      expect(await waiting).toEqual({ done: true, value: undefined })
      expect(await batches.next()).toEqual({ done: true, value: undefined })
      expect(hand.returned).toBe(1)
    },
  )

  it("reads nothing when the signal was aborted before", async () => {
    const hand = new Hand()
    expect(await new AsyncBatches(hand, 0, 10, { signal: AbortSignal.abort() }).next()).toEqual({
      done: true,
      value: undefined,
    })
    expect(hand.asked).toBe(0)
  })
})
