import { describe, expect, test } from "vitest"
import type { SourceBatch } from "../contracts/index.ts"
import { ClaimingReader, type PieceClaim } from "./claiming-reader.ts"

/** A reader of `count` batches of one number each, and claims that are answered by hand. */
function setUp(count: number) {
  const waiting: { piece: PieceClaim; done: () => void; fail: (error: Error) => void }[] = []
  let read = 0
  let ended = false
  let wakes = 0
  const reader = new ClaimingReader<number>({
    reader: {
      poll(): SourceBatch<number> | undefined {
        if (read < count) return { values: [read], next: ++read }
        ended = true
        return undefined
      },
      get ended() {
        return ended
      },
      close: () => undefined,
    },
    claim: (piece) =>
      new Promise((resolve, reject) => waiting.push({ piece, done: resolve as () => void, fail: reject })),
    wake: () => wakes++,
  })
  const answer = async (): Promise<void> => {
    waiting.shift()!.done()
    await Promise.resolve()
  }
  return { reader, waiting, answer, wakes: () => wakes, read: () => read }
}

describe("ClaimingReader", () => {
  test("hands out no batch before it is claimed, and wakes when it is", async () => {
    const { reader, waiting, answer, wakes } = setUp(2)
    expect(reader.poll()).toBeUndefined()
    expect(waiting.map(({ piece }) => piece)).toEqual([{ next: 2, done: true }])
    expect(reader.poll()).toBeUndefined()
    expect(wakes()).toBe(0)
    await answer()
    expect(wakes()).toBe(1)
    expect(reader.poll()).toEqual({ values: [0], next: 1 })
    expect(reader.ended).toBe(false)
    expect(reader.poll()).toEqual({ values: [1], next: 2 })
    expect(reader.ended).toBe(true)
  })

  test("every batch once and in order, each behind its claim, in groups; memory is bounded", async () => {
    const { reader, waiting, answer, read } = setUp(30)
    const seen: number[] = []
    let claimed = 0
    let claims = 0
    while (!reader.ended) {
      const batch = reader.poll()
      if (batch !== undefined) {
        seen.push(...batch.values)
        expect(batch.next as number).toBeLessThanOrEqual(claimed)
        expect(read() - seen.length).toBeLessThanOrEqual(12)
      } else {
        claimed = waiting[0]!.piece.next as number
        claims += 1
        await answer()
      }
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => n))
    expect(claims).toBeLessThanOrEqual(12)
  })

  test("an empty split ends once its end is claimed", async () => {
    const { reader, waiting, answer } = setUp(0)
    expect(reader.poll()).toBeUndefined()
    expect(reader.ended).toBe(false)
    expect(waiting[0]!.piece).toEqual({ next: undefined, done: true })
    await answer()
    expect(reader.ended).toBe(true)
  })

  test("a claim that fails is thrown, and nothing more is handed out", async () => {
    const { reader, waiting } = setUp(3)
    reader.poll()
    waiting[0]!.fail(new Error("the disk is full"))
    await new Promise((resolve) => setImmediate(resolve))
    expect(() => reader.poll()).toThrow("the disk is full")
    expect(reader.ended).toBe(false)
  })
})
