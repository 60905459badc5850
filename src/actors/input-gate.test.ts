import { describe, expect, test } from "vitest"
import { type ChannelSender, createLocalChannel } from "../mailbox/index.ts"
import { ElementKind, END, IDLE, RecordBatch } from "../records/index.ts"
import { createBarrierHandler } from "../snapshot/index.ts"
import type { Chain } from "./chain.ts"
import { InputGate } from "./input-gate.ts"

/** A chain that takes records until it has `room` no more. */
function takingChain(room = Number.POSITIVE_INFINITY): { chain: Chain; taken: unknown[] } {
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

function setUp(channels: number): { gate: InputGate; senders: ChannelSender[] } {
  const nothing = (): void => undefined
  const made = Array.from({ length: channels }, () =>
    createLocalChannel({ capacityRecords: 8, wakeReceiver: nothing, wakeSender: nothing }),
  )
  const gate = new InputGate({
    channels: made.map(({ receiver }) => receiver),
    barriers: createBarrierHandler({ kind: "aligned" }, channels),
    now: () => 0,
  })
  return { gate, senders: made.map(({ sender }) => sender) }
}

function batchOf(...values: unknown[]): RecordBatch {
  const batch = new RecordBatch()
  for (const value of values) {
    batch.values.push(value)
    batch.times.push(0)
  }
  return batch
}

describe("InputGate", () => {
  test("reads its channels in turn, a batch each", () => {
    const { gate, senders } = setUp(2)
    senders[0]!.offerData(batchOf("a1", "a2"))
    senders[0]!.offerData(batchOf("a3"))
    senders[1]!.offerData(batchOf("b1"))
    const { chain, taken } = takingChain()
    expect(gate.step(chain, 100).records).toBe(4)
    expect(taken).toEqual(["a1", "a2", "b1", "a3"])
  })

  test("keeps its place in a batch when the chain is blocked, and returns the credit with its last record", () => {
    const { gate, senders } = setUp(1)
    senders[0]!.offerData(batchOf("a", "b", "c"))
    const first = takingChain(2)
    expect(gate.step(first.chain, 100).records).toBe(2)
    expect(senders[0]!.inFlightRecords).toBe(3)
    const second = takingChain()
    expect(gate.step(second.chain, 100).records).toBe(1)
    expect(second.taken).toEqual(["c"])
    expect(senders[0]!.inFlightRecords).toBe(0)
  })

  test("stops at a change of the merged watermark, before the records behind it", () => {
    const { gate, senders } = setUp(1)
    senders[0]!.offerData(batchOf("a"))
    senders[0]!.offerControl({ kind: ElementKind.WATERMARK, timeMs: 10 })
    senders[0]!.offerData(batchOf("b"))
    const { chain, taken } = takingChain()
    gate.step(chain, 100)
    expect(taken).toEqual(["a"])
    expect(gate.watermarkMs).toBe(10)
    gate.step(chain, 100)
    expect(taken).toEqual(["a", "b"])
  })

  test("the slower channel holds the watermark, an idle one does not", () => {
    const { gate, senders } = setUp(2)
    const { chain } = takingChain()
    senders[0]!.offerControl({ kind: ElementKind.WATERMARK, timeMs: 10 })
    gate.step(chain, 100)
    expect(gate.watermarkMs).toBe(Number.NEGATIVE_INFINITY)
    senders[1]!.offerControl(IDLE)
    gate.step(chain, 100)
    expect(gate.watermarkMs).toBe(10)
  })

  test("ends when every channel has ended", () => {
    const { gate, senders } = setUp(2)
    const { chain } = takingChain()
    senders[0]!.offerControl(END)
    gate.step(chain, 100)
    expect(gate.ended).toBe(false)
    senders[1]!.offerControl(END)
    gate.step(chain, 100)
    expect(gate.ended).toBe(true)
    expect(gate.watermarkMs).toBe(Number.POSITIVE_INFINITY)
  })
})
