import { describe, expect, it } from "vitest"
import {
  BatchCodec,
  type ChannelElement,
  type ControlElement,
  ElementKind,
  END,
  IDLE,
  RecordBatch,
  RecordCodec,
} from "../records/index.ts"
import type { ChannelReceiver, ChannelSender, QueuedData } from "./channel.ts"
import { presetCursors } from "./layout.ts"
import { createLocalChannel } from "./local-channel.ts"
import { createRing, RingReceiver, RingSender } from "./spsc-ring.ts"

interface TestChannel {
  sender: ChannelSender
  receiver: ChannelReceiver
  wakes: { receiver: number; sender: number }
}

function openRing(capacityRecords: number, startCursor = 0, capacityBytes = 1 << 16): TestChannel {
  const ring = createRing({ capacityRecords, capacityBytes })
  presetCursors(ring, startCursor)
  const wakes = { receiver: 0, sender: 0 }
  const receiverBell = { ring: () => void wakes.receiver++ }
  const senderBell = { ring: () => void wakes.sender++ }
  return {
    sender: new RingSender({ ring, codec: new RecordCodec(), receiverBell }),
    receiver: new RingReceiver({ ring, codec: new RecordCodec(), senderBell }),
    wakes,
  }
}

function openLocal(capacityRecords: number): TestChannel {
  const wakes = { receiver: 0, sender: 0 }
  const wakeReceiver = () => void wakes.receiver++
  const wakeSender = () => void wakes.sender++
  return { ...createLocalChannel({ capacityRecords, wakeReceiver, wakeSender }), wakes }
}

function batchOf(...values: unknown[]): RecordBatch {
  return new RecordBatch(
    values,
    values.map((_, index) => 1000 + index),
  )
}

function numbers(from: number, count: number): RecordBatch {
  return batchOf(...Array.from({ length: count }, (_, index) => from + index))
}

function take(receiver: ChannelReceiver): ChannelElement | undefined {
  const element = receiver.poll()
  if (element !== undefined) receiver.release()
  return element
}

/** What a test compares: data as its values. */
function seen(element: ChannelElement | undefined): unknown {
  return element?.kind === ElementKind.DATA ? [...element.batch.values] : element
}

function contentOf({ content }: QueuedData): unknown[] {
  return content instanceof RecordBatch ? content.values : new BatchCodec(new RecordCodec()).decode(content).values
}

const watermark = (timeMs: number): ControlElement => ({ kind: ElementKind.WATERMARK, timeMs })
const barrier = (checkpointId: number): ControlElement => ({ kind: ElementKind.BARRIER, checkpointId, bornMs: 5 })

const implementations: [string, (capacityRecords: number) => TestChannel][] = [
  ["RingSender and RingReceiver", (capacity) => openRing(capacity)],
  ["RingSender and RingReceiver across the wrap at 2^31", (capacity) => openRing(capacity, 2 ** 31 - 8)],
  ["RingSender and RingReceiver across the wrap at 2^32", (capacity) => openRing(capacity, 2 ** 32 - 8)],
  ["local channel", openLocal],
]

describe.each(implementations)("%s", (_name, open) => {
  it("delivers every kind of element in the order offered, with all columns", () => {
    const { sender, receiver } = open(100)
    const batch = new RecordBatch(["a", { b: 1 }], [1, 2.5], [7, 2 ** 32 - 1])
    expect(sender.offerData(batch)).toBe(true)
    for (const element of [
      watermark(-1.5),
      { ...barrier(2 ** 40), aligned: true },
      IDLE,
      watermark(Number.POSITIVE_INFINITY),
      END,
    ]) {
      expect(sender.offerControl(element)).toBe(true)
    }
    const first = take(receiver)
    expect(first?.kind === ElementKind.DATA && { ...first.batch }).toEqual({
      values: ["a", { b: 1 }],
      times: [1, 2.5],
      keyHashes: [7, 2 ** 32 - 1],
    })
    expect(take(receiver)).toEqual(watermark(-1.5))
    expect(take(receiver)).toEqual({ ...barrier(2 ** 40), aligned: true })
    expect(take(receiver)).toEqual(IDLE)
    expect(take(receiver)).toEqual(watermark(Number.POSITIVE_INFINITY))
    expect(take(receiver)).toEqual(END)
    expect(take(receiver)).toBeUndefined()
  })

  it.each([1, 2, 3])(
    "never holds more than its capacity of %i in flight, and loses nothing over many laps",
    (capacity) => {
      const { sender, receiver } = open(capacity)
      const received: unknown[] = []
      let next = 0
      for (let step = 0; step < 3000; step++) {
        const size = 1 + (step % capacity)
        if (sender.offerData(numbers(next, size))) next += size
        expect(sender.inFlightRecords).toBeLessThanOrEqual(capacity)
        if (step % 3 === 0) received.push(...((seen(take(receiver)) as unknown[] | undefined) ?? []))
      }
      for (let element = take(receiver); element !== undefined; element = take(receiver)) {
        received.push(...(seen(element) as unknown[]))
      }
      expect(received).toEqual(Array.from({ length: next }, (_, index) => index))
      expect(sender.inFlightRecords).toBe(0)
    },
  )

  it("offerData() accepts exactly the free credit and refuses one record more", () => {
    const { sender, receiver } = open(10)
    expect(sender.offerData(numbers(0, 7))).toBe(true)
    expect(sender.offerData(numbers(7, 4))).toBe(false)
    expect(sender.inFlightRecords).toBe(7)
    expect(sender.offerData(numbers(7, 3))).toBe(true)
    expect(sender.offerData(numbers(10, 1))).toBe(false)
    expect(seen(take(receiver))).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(sender.inFlightRecords).toBe(3)
  })

  it("offerData() lets a batch larger than all credits pass alone", () => {
    const { sender, receiver } = open(3)
    expect(sender.offerData(numbers(0, 1))).toBe(true)
    expect(sender.offerData(numbers(1, 30))).toBe(false)
    take(receiver)
    expect(sender.offerData(numbers(1, 30))).toBe(true)
    expect(sender.inFlightRecords).toBe(30)
    expect(sender.offerData(numbers(31, 1))).toBe(false)
    expect((seen(take(receiver)) as unknown[]).length).toBe(30)
    expect(sender.inFlightRecords).toBe(0)
  })

  it("keeps the credit of a polled batch until release()", () => {
    const { sender, receiver, wakes } = open(2)
    sender.offerData(numbers(0, 2))
    receiver.poll()
    expect(sender.inFlightRecords).toBe(2)
    expect(sender.offerData(numbers(2, 1))).toBe(false)
    expect(wakes.sender).toBe(0)
    receiver.release()
    expect(wakes.sender).toBe(1)
    expect(sender.offerData(numbers(2, 1))).toBe(true)
  })

  it("counts the credit of a batch as it was offered, whatever the receiver makes of it", () => {
    const { sender, receiver } = open(4)
    sender.offerData(numbers(0, 4))
    const element = receiver.poll()
    if (element?.kind === ElementKind.DATA) element.batch.values.length = 1
    receiver.release()
    expect(sender.inFlightRecords).toBe(0)
  })

  it("takes two barriers, an end, two idles and four watermarks beside full data", () => {
    const { sender, receiver } = open(1)
    expect(sender.offerData(numbers(0, 1))).toBe(true)
    expect(sender.offerData(numbers(1, 1))).toBe(false)
    const control = [watermark(1), barrier(1), watermark(2), IDLE, watermark(3), barrier(2), watermark(4), IDLE, END]
    for (const element of control) expect(sender.offerControl(element)).toBe(true)
    expect(seen(take(receiver))).toEqual([0])
    expect(control.map(() => take(receiver))).toEqual(control)
  })

  it("refuses the fifth watermark that waits, and takes it when one was released", () => {
    const { sender, receiver } = open(1)
    for (let time = 0; time < 4; time++) expect(sender.offerControl(watermark(time))).toBe(true)
    expect(sender.offerControl(watermark(4))).toBe(false)
    expect(sender.offerControl(barrier(1))).toBe(true)
    receiver.poll()
    expect(sender.offerControl(watermark(4))).toBe(false)
    receiver.release()
    expect(sender.offerControl(watermark(4))).toBe(true)
    expect([1, 2, 3].map(() => take(receiver))).toEqual([watermark(1), watermark(2), watermark(3)])
    expect([take(receiver), take(receiver)]).toEqual([barrier(1), watermark(4)])
  })

  it("wakes the receiver after each offer that was taken, and not after a refused one", () => {
    const { sender, wakes } = open(1)
    sender.offerData(numbers(0, 1))
    sender.offerControl(IDLE)
    expect(wakes.receiver).toBe(2)
    sender.offerData(numbers(1, 1))
    expect(wakes.receiver).toBe(2)
  })

  it("sends nothing for an empty batch", () => {
    const { sender, receiver, wakes } = open(1)
    expect(sender.offerData(new RecordBatch())).toBe(true)
    expect(wakes.receiver).toBe(0)
    expect(receiver.ready).toBe(false)
    expect(receiver.poll()).toBeUndefined()
  })

  it("ready tells whether an element waits", () => {
    const { sender, receiver } = open(1)
    expect(receiver.ready).toBe(false)
    sender.offerControl(IDLE)
    expect(receiver.ready).toBe(true)
    take(receiver)
    expect(receiver.ready).toBe(false)
  })

  it("stops on use against the contract", () => {
    const { sender, receiver } = open(1)
    const broken = expect.objectContaining({ code: "INVARIANT_BROKEN" })
    expect(() => receiver.release()).toThrow(broken)
    sender.offerControl(IDLE)
    receiver.poll()
    expect(() => receiver.poll()).toThrow(broken)
    sender.offerControl(END)
    expect(() => sender.offerControl(IDLE)).toThrow(broken)
    expect(() => sender.offerData(numbers(0, 1))).toThrow(broken)
  })

  it("announces a barrier at once, beside whatever is queued, and rings", () => {
    const { sender, receiver, wakes } = open(4)
    expect(receiver.announcement).toBeUndefined()
    sender.offerData(numbers(0, 4))
    sender.offerControl(watermark(1))
    const before = wakes.receiver
    sender.announce({ checkpointId: 2 ** 40, bornMs: 1.5e12 + 0.25 })
    expect(wakes.receiver).toBe(before + 1)
    const announced = { checkpointId: 2 ** 40, bornMs: 1.5e12 + 0.25, position: 5 }
    expect(receiver.announcement).toEqual(announced)
    expect(receiver.announcement).toBe(receiver.announcement)
    expect(sender.offerControl(barrier(2 ** 40))).toBe(true)
    expect([sender.position, receiver.position]).toEqual([6, 0])
    expect(seen(take(receiver))).toEqual([0, 1, 2, 3])
    expect(receiver.position).toBe(4)
    expect([take(receiver), take(receiver)]).toEqual([watermark(1), barrier(2 ** 40)])
    expect(receiver.position).toBe(6)
    expect(receiver.announcement).toEqual(announced)
  })

  it("forgets an announcement for a newer one", () => {
    const { sender, receiver } = open(4)
    sender.announce({ checkpointId: 1, bornMs: 10 })
    sender.offerControl(IDLE)
    sender.announce({ checkpointId: 2, bornMs: 20 })
    expect(receiver.announcement).toEqual({ checkpointId: 2, bornMs: 20, position: 1 })
  })

  it("says of a barrier that it must not overtake", () => {
    const { sender, receiver } = open(1)
    const aligned: ControlElement = { kind: ElementKind.BARRIER, checkpointId: 3, bornMs: 7, aligned: true }
    sender.offerControl(aligned)
    expect(take(receiver)).toEqual(aligned)
  })

  it("peek() shows what is queued behind the element polled, and takes nothing", () => {
    const { sender, receiver } = open(10)
    for (const size of [2, 1]) sender.offerData(numbers(size, size))
    sender.offerControl(watermark(3))
    sender.offerData(numbers(5, 1))
    expect(seen(receiver.poll())).toEqual([2, 3])
    const peek = receiver.peek()
    const shown = () => {
      const element = peek.next()
      return element?.kind === ElementKind.DATA ? [element.records, contentOf(element)] : element
    }
    expect([shown(), shown(), shown()]).toEqual([[1, [1]], watermark(3), [1, [5]]])
    expect(shown()).toBeUndefined()
    sender.offerControl(IDLE)
    expect([shown(), shown()]).toEqual([IDLE, undefined])
    expect([sender.inFlightRecords, receiver.position]).toEqual([4, 2])
    receiver.release()
    expect([seen(take(receiver)), take(receiver)]).toEqual([[1], watermark(3)])
  })

  it("prefers batches of a quarter of the credit, between 1 and 512", () => {
    expect(open(1).sender.preferredBatchSize).toBe(1)
    expect(open(400).sender.preferredBatchSize).toBe(100)
    expect(open(1_000_000).sender.preferredBatchSize).toBe(512)
  })
})

describe("local channel", () => {
  it("passes a batch by reference", () => {
    const { sender, receiver } = openLocal(5)
    const batch = batchOf({})
    sender.offerData(batch)
    const element = receiver.poll()
    expect(element?.kind === ElementKind.DATA && element.batch).toBe(batch)
    expect(sender.bytesSent).toBe(0)
  })
})
