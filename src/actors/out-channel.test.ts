import { describe, expect, test } from "vitest"
import { createLocalChannel } from "../mailbox/index.ts"
import { type BarrierElement, type ChannelElement, ElementKind, END, IDLE } from "../records/index.ts"
import { OutChannel } from "./out-channel.ts"
import { Pressure } from "./pressure.ts"

function setUp(capacityRecords: number): {
  out: OutChannel
  pressure: Pressure
  take: () => string | undefined
  takeAll: () => string[]
} {
  const nothing = (): void => undefined
  const { sender, receiver } = createLocalChannel({ capacityRecords, wakeReceiver: nothing, wakeSender: nothing })
  const pressure = new Pressure()
  const out = new OutChannel(sender, pressure, { checksRecords: true, producer: { operatorId: "map-1", subtask: 0 } })
  const take = (): string | undefined => {
    const element = receiver.poll()
    if (element === undefined) return undefined
    receiver.release()
    return shown(element)
  }
  const takeAll = (): string[] => {
    const all: string[] = []
    for (let next = take(); next !== undefined; next = take()) {
      all.push(next)
      out.flush(true)
    }
    return all
  }
  return { out, pressure, take, takeAll }
}

function shown(element: ChannelElement): string {
  switch (element.kind) {
    case ElementKind.DATA:
      return element.batch.values.join(",")
    case ElementKind.WATERMARK:
      return `w${element.timeMs}`
    case ElementKind.BARRIER:
      return `b${element.checkpointId}`
    case ElementKind.IDLE:
      return "idle"
    case ElementKind.END:
      return "end"
  }
}

const barrier = (checkpointId: number): BarrierElement => ({ kind: ElementKind.BARRIER, checkpointId, bornMs: 0 })

describe("OutChannel", () => {
  test("sends a batch of one when the receiver has nothing to do", () => {
    const { out, take } = setUp(8)
    out.append("a", 1)
    expect(take()).toBeUndefined()
    out.flush(false)
    expect(take()).toBe("a")
  })

  test("gathers records while the receiver is busy, and sends them when told to send everything", () => {
    const { out, take } = setUp(64)
    out.append("a", 1)
    out.flush(false)
    out.append("b", 2)
    out.flush(false)
    out.append("c", 3)
    expect(take()).toBe("a")
    expect(take()).toBeUndefined()
    out.flush(true)
    expect(take()).toBe("b,c")
  })

  test("keeps what is refused in order, says so by the pressure, and takes it back when there is room", () => {
    const { out, pressure, takeAll } = setUp(2)
    for (const value of ["a", "b", "c", "d", "e"]) out.append(value, 1)
    out.mark(barrier(1))
    out.append("f", 1)
    out.flush(true)
    expect(pressure.level).toBeGreaterThan(0)
    expect(out.drained).toBe(false)
    expect(takeAll().join(" ").replaceAll(",", " ")).toBe("a b c d e b1 f")
    out.flush(true)
    expect(pressure.level).toBe(0)
    expect(out.drained).toBe(true)
  })

  test("a newer watermark takes the later place, behind the records that came between", () => {
    const { out, takeAll } = setUp(64)
    out.append("a", 1)
    out.watermark(10)
    out.append("b", 1)
    out.watermark(20)
    out.flush(true)
    expect(takeAll()).toEqual(["a,b", "w20"])
  })

  test("a watermark never crosses a barrier", () => {
    const { out, takeAll } = setUp(1)
    out.append("a", 1)
    out.append("b", 1)
    out.watermark(10)
    out.mark(barrier(1))
    out.watermark(20)
    out.flush(true)
    out.watermark(30)
    out.flush(true)
    const all = takeAll()
    expect(all.indexOf("w10")).toBeLessThan(all.indexOf("b1"))
    expect(all.filter((shownElement) => shownElement.startsWith("w"))).toEqual(["w10", "w30"])
  })

  test("idleness stays before the record that ends it", () => {
    const { out, takeAll } = setUp(8)
    out.watermark(5)
    out.mark(IDLE)
    out.append("a", 1)
    out.watermark(6)
    out.flush(true)
    out.mark(END)
    expect(takeAll()).toEqual(["w5", "idle", "a", "w6", "end"])
  })

  test("refuses a record that could not go to another thread, naming the producer and the field", () => {
    const { out } = setUp(8)
    out.append({ user: { callback: () => 1 } }, 1)
    expect(() => out.flush(true)).toThrow(/field "user.callback" is a function.*operator "map-1"/)
  })
})
