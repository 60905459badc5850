import { describe, expect, it } from "vitest"
import { TimerQueue } from "./timer-queue.ts"

const newQueue = () => new TimerQueue<string>((key) => key)

function takeAll(queue: TimerQueue<string>, watermarkMs: number): string[] {
  const taken: string[] = []
  for (let timer = queue.nextDue(watermarkMs); timer !== undefined; timer = queue.nextDue(watermarkMs)) {
    taken.push(`${timer.key}@${timer.timeMs}`)
  }
  return taken
}

describe("TimerQueue", () => {
  it("gives timers in time order, and only those that the watermark has reached", () => {
    const queue = newQueue()
    for (const timeMs of [30, 10, 50, 20, 40]) queue.register("a", 1, timeMs)
    expect(queue.nextDue(9)).toBeUndefined()
    expect(takeAll(queue, 30)).toEqual(["a@10", "a@20", "a@30"])
    expect(queue.size).toBe(2)
    expect(takeAll(queue, Number.POSITIVE_INFINITY)).toEqual(["a@40", "a@50"])
    expect(queue.size).toBe(0)
  })

  it("gives timers of one time in the order of registration", () => {
    const queue = newQueue()
    for (const key of ["d", "a", "c", "b", "e", "f", "g"]) queue.register(key, 1, 10)
    expect(takeAll(queue, 10)).toEqual(["d@10", "a@10", "c@10", "b@10", "e@10", "f@10", "g@10"])
  })

  it("keeps one timer per key and time", () => {
    const queue = newQueue()
    expect(queue.register("a", 1, 10)).toBe(true)
    expect(queue.register("a", 1, 10)).toBe(false)
    expect(queue.register("b", 2, 10)).toBe(true)
    expect(queue.size).toBe(2)
    expect(takeAll(queue, 10)).toEqual(["a@10", "b@10"])
    expect(queue.register("a", 1, 10)).toBe(true)
  })

  it("never gives a deleted timer, unless it was registered again: then at its new place", () => {
    const queue = newQueue()
    queue.register("a", 1, 10)
    queue.register("b", 2, 10)
    expect(queue.delete("a", 1, 10)).toBe(true)
    expect(queue.delete("a", 1, 10)).toBe(false)
    expect(queue.delete("a", 1, 11)).toBe(false)
    expect(queue.size).toBe(1)
    queue.register("a", 1, 10)
    expect(takeAll(queue, 10)).toEqual(["b@10", "a@10"])
  })

  it("lets a timer registered while others are taken have its turn", () => {
    const queue = newQueue()
    queue.register("a", 1, 10)
    queue.register("a", 1, 20)
    expect(queue.nextDue(30)?.timeMs).toBe(10)
    queue.register("a", 1, 15)
    expect(takeAll(queue, 30)).toEqual(["a@15", "a@20"])
  })

  it("keeps the hash beside the key, and a timer at +Infinity for the end", () => {
    const queue = newQueue()
    queue.register("a", 77, Number.POSITIVE_INFINITY)
    expect(queue.nextDue(1e15)).toBeUndefined()
    expect(queue.nextDue(Number.POSITIVE_INFINITY)).toMatchObject({ key: "a", keyHash: 77 })
  })

  it("gives the right timers after most were deleted from the middle of the heap", () => {
    const queue = newQueue()
    for (let i = 0; i < 1_000; i++) queue.register(`k${i % 7}`, 1, (i * 7_919) % 1_000)
    for (let timeMs = 0; timeMs < 1_000; timeMs++) {
      if (timeMs % 10 === 0) continue
      for (let key = 0; key < 7; key++) queue.delete(`k${key}`, 1, timeMs)
    }
    expect(queue.size).toBe(100)
    const times = takeAll(queue, 1_000).map((text) => Number(text.split("@")[1]))
    expect(times).toEqual(Array.from({ length: 100 }, (_, i) => i * 10))
  })
})

describe("TimerQueue.capture()", () => {
  function captured(queue: TimerQueue<string>, kind: "all" | "changes" = "all", meanwhile?: () => void) {
    const capture = queue.capture(kind)
    meanwhile?.()
    const seen: string[] = []
    while (!capture.write(1, (timer, removed) => seen.push(`${removed ? "-" : "+"}${timer.key}@${timer.timeMs}`)));
    return { capture, seen: seen.toSorted() }
  }

  it("is what was registered when it was taken, also what is deleted, taken, or registered anew after", () => {
    const queue = newQueue()
    for (const key of ["a", "b", "c", "d"]) queue.register(key, 1, 10)
    queue.delete("a", 1, 10)
    const { seen } = captured(queue, "all", () => {
      queue.delete("b", 1, 10)
      queue.nextDue(10)
      queue.register("b", 1, 10)
      queue.register("e", 1, 10)
    })
    expect(seen).toEqual(["+b@10", "+c@10", "+d@10"])
  })

  it("of changes is what was registered or removed since the last, of what it held", () => {
    const queue = newQueue()
    queue.trackChanges()
    for (const key of ["a", "b", "c"]) queue.register(key, 1, 10)
    captured(queue)
    queue.delete("a", 1, 10)
    queue.register("d", 1, 10)
    queue.register("e", 1, 10)
    queue.delete("e", 1, 10)
    expect(queue.nextDue(10)?.key).toBe("b")
    const { capture, seen } = captured(queue, "changes")
    expect(seen).toEqual(["+d@10", "-a@10", "-b@10"])
    expect(captured(queue, "changes").seen).toEqual([])
    capture.cancel()
    queue.delete("d", 1, 10)
    expect(captured(queue, "changes").seen.filter((line) => line !== "-d@10")).toEqual(["-a@10", "-b@10"])
  })

  it("load() keeps the order of registration among equal times, whatever the order of loading", () => {
    const queue = newQueue()
    for (const [key, sequence] of [
      ["c", 7],
      ["a", 3],
      ["d", 9],
      ["b", 5],
    ] as const) {
      queue.load({ key, keyHash: 1, timeMs: 10, sequence })
    }
    queue.register("e", 1, 10)
    queue.load({ key: "a", keyHash: 1, timeMs: 10, sequence: 8 })
    queue.unload("d", 1, 10)
    expect(takeAll(queue, 10)).toEqual(["b@10", "c@10", "a@10", "e@10"])
  })
})
