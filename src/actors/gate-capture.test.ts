import { describe, expect, test } from "vitest"
import { type ChannelReceiver, createLocalChannel } from "../mailbox/index.ts"
import { BatchCodec, ElementKind, RecordBatch, RecordCodec } from "../records/index.ts"
import { createBarrierHandler } from "../snapshot/index.ts"
import type { Chain } from "./chain.ts"
import { type ChannelPlace, decodeInFlight, InFlightKind, type InFlightSource } from "./in-flight.ts"
import { InputGate } from "./input-gate.ts"
import { OutChannel } from "./out-channel.ts"
import { Pressure } from "./pressure.ts"
import { RestoredQueue } from "./restored-input.ts"

const codec = new BatchCodec(new RecordCodec())

function placeFrom(from: number): ChannelPlace {
  return { consumer: "to", edge: "e", from, to: 0, senders: 2, receivers: 1, exchange: "hash" }
}

function setUp(timeoutMs: number, capacityRecords = 8) {
  const nothing = (): void => undefined
  const ends = [0, 1].map(() => createLocalChannel({ capacityRecords, wakeReceiver: nothing, wakeSender: nothing }))
  const senders = ends.map(
    ({ sender }, from) =>
      new OutChannel(sender, new Pressure(), {
        checksRecords: false,
        producer: { operatorId: "from", subtask: from },
        place: placeFrom(from),
      }),
  )
  const clock = { nowMs: 0 }
  const channels: ChannelReceiver[] = ends.map(({ receiver }) => receiver)
  const gate = new InputGate({
    channels,
    barriers: createBarrierHandler({ kind: "unaligned", timeoutMs }, 2),
    now: () => clock.nowMs,
    overtaking: { places: channels.map((_, from) => placeFrom(from)) },
  })
  return { gate, senders, clock }
}

/** A chain that takes so many records. */
function taking(room: number): { chain: Chain; taken: unknown[] } {
  const taken: unknown[] = []
  const chain = {
    get blocked() {
      return taken.length >= room
    },
    run(batch: RecordBatch, from: number, to: number) {
      let index = from
      while (index < to && taken.length < room) taken.push(batch.values[index++])
      return index
    },
  }
  return { chain: chain as unknown as Chain, taken }
}

function send(sender: OutChannel, ...values: unknown[]): void {
  for (const value of values) sender.append(value, 0)
  sender.flush(true)
}

const barrier = { kind: ElementKind.BARRIER, checkpointId: 1, bornMs: 0 } as const

/** What was saved, by kind: values of records, and control elements as their kind. */
function savedBy(source: InFlightSource): Record<number, unknown[]> {
  const saved: Record<number, unknown[]> = {}
  for (let round = 0; round < 20; round++) {
    source.step()
    for (const { bytes } of source.takeBlocks()) {
      const { head, rows } = decodeInFlight(bytes)
      if (head[0] === InFlightKind.STATE) continue
      const list = saved[head[0]] ?? []
      saved[head[0]] = list
      for (const [, kind, content] of rows) {
        if (kind === ElementKind.DATA) list.push(...codec.decode(content as Uint8Array).values)
        else list.push(kind)
      }
    }
  }
  return saved
}

describe("a gate's capture", () => {
  test("UC-1 saves what is queued and what is held by half, and nothing from behind the barrier", () => {
    const { gate, senders } = setUp(0)
    send(senders[0]!, "a1", "a2", "a3")
    gate.step(taking(1).chain, 10)
    senders[0]!.watermark(5)
    send(senders[0]!, "a4")
    senders[0]!.overtake(barrier)
    send(senders[0]!, "behind")
    gate.notice()
    expect(gate.barrierDue).toMatchObject({ checkpointId: 1 })
    const { inFlight, received } = gate.passBarrier()
    expect(received).toEqual([1, 0])
    expect(savedBy(inFlight!)).toEqual({
      [InFlightKind.QUEUE]: ["a2", "a3", "a4", ElementKind.WATERMARK],
    })
    expect(inFlight!.saved).toEqual([3, 0])
    expect(inFlight!.done).toBe(false)
  })

  test("UC-3 saves and delivers what comes on a channel whose barrier comes later", () => {
    const { gate, senders } = setUp(0)
    senders[0]!.overtake(barrier)
    gate.notice()
    const { inFlight } = gate.passBarrier()
    send(senders[1]!, "b1")
    const { chain, taken } = taking(10)
    gate.notice()
    gate.step(chain, 10)
    send(senders[1]!, "b2")
    senders[1]!.overtake(barrier)
    send(senders[1]!, "behind")
    gate.notice()
    expect(savedBy(inFlight!)).toEqual({ [InFlightKind.QUEUE]: ["b1", "b2"] })
    expect(inFlight!.done).toBe(true)
    gate.step(chain, 10)
    gate.step(chain, 10)
    expect(taken).toEqual(["b1", "b2", "behind"])
  })

  test("UC-2 does not read a channel while what is queued in it is copied", () => {
    const { gate, senders } = setUp(0)
    send(senders[0]!, "a1")
    senders[0]!.overtake(barrier)
    gate.notice()
    const { inFlight } = gate.passBarrier()
    const { chain, taken } = taking(10)
    gate.step(chain, 10)
    expect(taken).toEqual([])
    inFlight!.step()
    gate.step(chain, 10)
    expect(taken).toEqual(["a1"])
  })

  test("BAR-5 leaves to the sender what it holds from behind the announcement", () => {
    const { gate, senders, clock } = setUp(100, 1)
    send(senders[0]!, "a1")
    send(senders[0]!, "a2")
    const rest = senders[0]!.overtake(barrier)
    gate.notice()
    gate.step(taking(1).chain, 10)
    senders[0]!.flush(true)
    // Polls a2, and cannot deliver it.
    gate.step(taking(0).chain, 10)
    clock.nowMs = 100
    gate.notice()
    const { inFlight, received } = gate.passBarrier()
    expect(received).toEqual([1, 0])
    expect(savedBy(inFlight!)).toEqual({})
    expect(savedBy(rest!)).toEqual({ [InFlightKind.REST]: ["a2"] })
  })
})

describe("a gate that goes on from records in flight", () => {
  const dataOf = (...values: unknown[]) => ({
    kind: ElementKind.DATA,
    records: values.length,
    content: codec.encode(
      new RecordBatch(
        values,
        values.map(() => 0),
      ),
    ),
  })
  const queueOf = (channel: number, ...elements: ConstructorParameters<typeof RestoredQueue>[1]["elements"]) =>
    new RestoredQueue(placeFrom(channel), { age: 0, account: channel, watermarkMs: Number.NEGATIVE_INFINITY, elements })

  test("UC-4 delivers them first, and counts them from below zero", () => {
    const { gate, senders } = setUp(0)
    send(senders[0]!, "new")
    gate.restore([queueOf(0, dataOf("a1"), dataOf("a2")), queueOf(1, dataOf("b1"))])
    expect(gate.received).toEqual([-2, -1])
    const { chain, taken } = taking(10)
    gate.step(chain, 10)
    expect(taken).toEqual(["a1", "a2", "b1", "new"])
    expect(gate.received).toEqual([1, 0])
  })

  test("UC-4 saves what is left of them in the next checkpoint", () => {
    const { gate, senders } = setUp(0)
    gate.restore([queueOf(0, dataOf("a1", "a2", "a3")), queueOf(1, dataOf("b1"))])
    gate.step(taking(1).chain, 10)
    send(senders[0]!, "new")
    for (const sender of senders) sender.overtake(barrier)
    gate.notice()
    const { inFlight, received } = gate.passBarrier()
    expect(received).toEqual([-2, -1])
    expect(savedBy(inFlight!)).toEqual({
      [InFlightKind.RESTORED]: ["a2", "a3", "b1"],
      [InFlightKind.QUEUE]: ["new"],
    })
    expect([inFlight!.saved, inFlight!.done]).toEqual([[3, 1], true])
  })
})
