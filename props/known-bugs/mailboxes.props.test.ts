/** Bugs of other engines' mailboxes and sources, by their names there. ../exhaustive-ring tries every interleaving. */
import { describe, expect, it } from "vitest"
import { OutChannel } from "../../src/actors/out-channel.ts"
import { Pressure } from "../../src/actors/pressure.ts"
import { SplitCoordinator, unread } from "../../src/actors/split-coordinator.ts"
import {
  createDoorbells,
  createLocalChannel,
  createRing,
  RingReceiver,
  RingSender,
  SharedDoorbell,
  Sleeper,
} from "../../src/mailbox/index.ts"
import { MIN_DATA_BYTES } from "../../src/mailbox/layout.ts"
import {
  type ByteCursor,
  ElementKind,
  END,
  RecordBatch,
  RecordCodec,
  type ValueCodec,
} from "../../src/records/index.ts"
import { HOLDS_NOBODY, IdleClock, mustWait, slowestOf } from "../../src/time/index.ts"

const quiet = { ring: () => undefined }

/** Values are bytes, and travel as they are: so that a test chooses the length of its frames. */
class BytesCodec implements ValueCodec {
  #bytes = new Uint8Array()

  prepare(values: readonly unknown[]): number {
    this.#bytes = values[0] as Uint8Array<ArrayBuffer>
    return this.#bytes.length
  }

  write(sink: ByteCursor): void {
    sink.u8.set(this.#bytes, sink.take(this.#bytes.length, 0))
  }

  read({ u8, at, end }: ByteCursor): unknown[] {
    return [u8.slice(at, end)]
  }
}

function open(capacityRecords: number, codec: ValueCodec = new RecordCodec()) {
  const ring = createRing({ capacityRecords, capacityBytes: MIN_DATA_BYTES })
  const wakes = { sender: 0, receiver: 0 }
  const sender = new RingSender({ ring, codec, receiverBell: { ring: () => void wakes.receiver++ } })
  const receiver = new RingReceiver({ ring, codec, senderBell: { ring: () => void wakes.sender++ } })
  return { ring, sender, receiver, wakes }
}

/** A channel within a thread that holds one record, and the end that waits for room in it. */
function openLocal() {
  const { sender, receiver } = createLocalChannel({
    capacityRecords: 1,
    wakeReceiver: () => undefined,
    wakeSender: () => undefined,
  })
  const checks = { checksRecords: true, producer: { operatorId: "map-1", subtask: 0 } }
  return { out: new OutChannel(sender, new Pressure(), checks), receiver }
}

const batch = (...values: readonly unknown[]) =>
  new RecordBatch(
    [...values],
    values.map((_, n) => n),
  )

function take(receiver: RingReceiver): unknown {
  const element = receiver.poll()
  if (element === undefined) return undefined
  const taken = element.kind === ElementKind.DATA ? [...element.batch.values] : element
  receiver.release()
  return taken
}

/** Only that a promise stays open can be seen by a clock: one that settles is awaited, however slow the machine is. */
async function staysOpen(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => false), new Promise<true>((resolve) => setTimeout(resolve, 20, true))])
}

describe("rings", () => {
  it("FLINK-17315: a record in fragments comes whole before the end of its channel", () => {
    const { sender, receiver } = open(4)
    const text = "x".repeat(5 * MIN_DATA_BYTES)
    expect(sender.offerData(batch(text))).toBe(true)
    let ended = sender.offerControl(END)
    expect(ended).toBe(false)
    const taken: unknown[] = []
    for (let step = 0; step < 100 && taken.length < 2; step++) {
      sender.flush()
      const next = take(receiver)
      if (next !== undefined) taken.push(next)
      if (!ended) ended = sender.offerControl(END)
    }
    expect(taken).toEqual([[text], END])
  })

  it("FLINK-29298: a sender that was refused is told of the room, each time", () => {
    const { sender, receiver, wakes } = open(1)
    for (let round = 1; round <= 3; round++) {
      expect(sender.offerData(batch(round))).toBe(true)
      expect(sender.offerData(batch(round))).toBe(false)
      expect(take(receiver)).toEqual([round])
      expect(wakes.sender).toBe(round)
    }
  })

  it("FLINK-20145: what is published once is received once", () => {
    const { sender, receiver } = open(4)
    sender.offerControl({ kind: ElementKind.BARRIER, checkpointId: 1, bornMs: 0 })
    expect(take(receiver)).toMatchObject({ kind: ElementKind.BARRIER, checkpointId: 1 })
    expect([receiver.ready, take(receiver)]).toEqual([false, undefined])
  })

  it("FLINK-15140, FLINK-12351, FLINK-35924: what was received stays as it is when its place is written anew", () => {
    const { sender, receiver } = open(1)
    sender.offerData(batch({ n: 1, list: [1, 2], bytes: new Uint8Array([1, 2, 3]) }))
    const first = take(receiver)
    for (let n = 2; n < 40; n++) {
      expect(sender.offerData(batch({ n, list: [n, n], bytes: new Uint8Array([n, n, n]) }))).toBe(true)
      take(receiver)
    }
    expect(first).toEqual([{ n: 1, list: [1, 2], bytes: new Uint8Array([1, 2, 3]) }])
  })

  it("hazelcast-jet #1883, #808, #2532: what was refused comes first once there is room, and the end comes last", () => {
    const { out, receiver } = openLocal()
    for (const value of ["a", "b", "c"]) out.append(value, 1)
    out.mark(END)
    const taken: unknown[] = []
    for (let step = 0; step < 20; step++) {
      out.flush(true)
      const element = receiver.poll()
      if (element === undefined) continue
      taken.push(...(element.kind === ElementKind.DATA ? element.batch.values : [element.kind]))
      receiver.release()
    }
    expect(taken).toEqual(["a", "b", "c", ElementKind.END])
  })

  it("hazelcast-jet #542: a watermark stays on its side of a barrier", () => {
    const { out, receiver } = openLocal()
    out.append("a", 1)
    out.append("b", 1)
    out.watermark(10)
    out.mark({ kind: ElementKind.BARRIER, checkpointId: 1, bornMs: 0 })
    out.watermark(20)
    const taken: string[] = []
    for (let step = 0; step < 20; step++) {
      out.flush(true)
      const element = receiver.poll()
      if (element === undefined) continue
      if (element.kind === ElementKind.WATERMARK) taken.push(`watermark ${element.timeMs}`)
      if (element.kind === ElementKind.BARRIER) taken.push("barrier")
      receiver.release()
    }
    expect(taken).toEqual(["watermark 10", "barrier", "watermark 20"])
  })

  it("aeron #2015, aeron #107, agrona #22: free space at the end and at the start are two, whatever is left before the end", () => {
    for (let lead = 0; lead < 360; lead += 8) {
      const { sender, receiver } = open(1000, new BytesCodec())
      const sent: Uint8Array[] = []
      const taken: unknown[] = []
      const takeOne = (): boolean => {
        const next = take(receiver)
        if (next !== undefined) taken.push(...(next as unknown[]))
        return next !== undefined
      }
      for (let n = 0; n < 60; n++) {
        // What is left before the end is larger than what it keeps free.
        const bytes = new Uint8Array(
          n === 0 ? lead : n % 2 === 0 ? ((n * 7) % 20) * 8 : 200 + ((n * 11) % 20) * 8,
        ).fill(n)
        while (!sender.offerData(batch(bytes))) takeOne()
        sent.push(bytes)
      }
      while (takeOne() || !sender.flush());
      while (takeOne());
      expect(taken.map((bytes) => [...(bytes as Uint8Array)].join())).toEqual(sent.map((bytes) => [...bytes].join()))
    }
  })

  it("agrona #229: a second end that is attached to a ring in use leaves what is in it", () => {
    const { ring, sender } = open(4)
    sender.offerData(batch("a"))
    new RingSender({ ring, codec: new RecordCodec(), receiverBell: quiet })
    const receiver = new RingReceiver({ ring, codec: new RecordCodec(), senderBell: quiet })
    expect(take(receiver)).toEqual(["a"])
  })

  it("ecma262 #1492, evanw/esbuild #590, whatwg/html #8276: a notice of before does not end the next wait, and one that comes too early is not lost", async () => {
    const doorbells = createDoorbells(1)
    const [sleeper, bell] = [new Sleeper(doorbells, 0), new SharedDoorbell(doorbells, 0)]
    bell.ring()
    sleeper.prepare()
    const first = sleeper.wait()
    expect(await staysOpen(first)).toBe(true)
    bell.ring()
    await first
    sleeper.prepare()
    bell.ring()
    await sleeper.wait()
  })
})

describe("sources", () => {
  it("FLINK-32828, FLINK-26018: splits that nobody reads yet hold the watermark, from the first request on", () => {
    const splits = ["a", "b", "c"].map((id) => unread({ id, data: null }))
    const coordinator = new SplitCoordinator({ splits, bounded: true, inOrder: false, readers: 3 })
    expect([0, 1, 2].map((reader) => coordinator.next(reader).assignment.holdWatermark)).toEqual([true, true, false])
  })

  it("FLINK-35886: time in which nothing could come is not idleness", () => {
    const clock = new IdleClock(10, 0)
    clock.restart(60)
    expect([clock.isIdle(69), clock.isIdle(70)]).toEqual([false, true])
  })

  it("FLINK-35157: who has ended, or is idle, is waited for by nobody", () => {
    expect(slowestOf([HOLDS_NOBODY, 50, HOLDS_NOBODY])).toBe(1)
    expect(mustWait(50, 50, 0)).toBe(false)
    expect(slowestOf([HOLDS_NOBODY, HOLDS_NOBODY])).toBe(-1)
    expect(mustWait(1e9, HOLDS_NOBODY, 0)).toBe(false)
  })
})
