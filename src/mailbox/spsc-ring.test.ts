import { afterEach, describe, expect, it, vi } from "vitest"
import {
  BatchCodec,
  type ByteCursor,
  ElementKind,
  END,
  IDLE,
  RecordBatch,
  RecordCodec,
  type ValueCodec,
} from "../records/index.ts"
import {
  FRAME_HEADER_BYTES,
  HEADER_BYTES,
  MIN_DATA_BYTES,
  maxWholeFrameBytes,
  presetCursors,
  RESERVED_BYTES,
  Word,
} from "./layout.ts"
import { createRing, RingReceiver, RingSender } from "./spsc-ring.ts"

/** Each value is a count of bytes and travels as so many bytes, so that a test chooses the length of its frames. */
class SizedCodec implements ValueCodec {
  #bytes = 0

  prepare(values: readonly unknown[]): number {
    this.#bytes = (values as readonly number[]).reduce((sum, value) => sum + value, 0)
    return this.#bytes
  }

  write(sink: ByteCursor): void {
    const at = sink.take(this.#bytes, 0)
    sink.u8.fill(0xab, at, at + this.#bytes)
  }

  read({ u8, at, end }: ByteCursor): unknown[] {
    expect(u8.subarray(at, end).every((byte) => byte === 0xab)).toBe(true)
    return [end - at]
  }
}
/** Bytes of an encoded batch beside its values, when it has no times and no key hashes. */
const BATCH_HEADER_BYTES = 8

function sized(valueBytes: number): RecordBatch {
  return new RecordBatch([valueBytes], [Number.NEGATIVE_INFINITY])
}

interface Options {
  startCursor?: number
  capacityRecords?: number
  capacityBytes?: number
  codec?: ValueCodec
}

function open({
  startCursor = 0,
  capacityRecords = 1000,
  capacityBytes = MIN_DATA_BYTES,
  codec = new SizedCodec(),
}: Options = {}) {
  const ring = createRing({ capacityRecords, capacityBytes })
  presetCursors(ring, startCursor)
  const wakes = { receiver: 0, sender: 0 }
  return {
    ring,
    wakes,
    words: new Int32Array(ring, 0, HEADER_BYTES / 4),
    sender: new RingSender({ ring, codec, receiverBell: { ring: () => void wakes.receiver++ } }),
    receiver: new RingReceiver({ ring, codec, senderBell: { ring: () => void wakes.sender++ } }),
  }
}

function takeValues(receiver: RingReceiver): unknown[] | undefined {
  const element = receiver.poll()
  if (element === undefined) return undefined
  receiver.release()
  return element.kind === ElementKind.DATA ? [...element.batch.values] : [element]
}

/** Receives until nothing more comes, flushing the sender in between. */
function drain(sender: RingSender, receiver: RingReceiver): unknown[] {
  const values: unknown[] = []
  for (let rounds = 0; rounds < 10_000; rounds++) {
    const taken = takeValues(receiver)
    if (taken !== undefined) values.push(...taken)
    else if (sender.flush() && !receiver.ready) return values
  }
  throw new Error("the channel did not run dry")
}

afterEach(() => void vi.restoreAllMocks())

const cursors = [0, 2 ** 31 - 8, 2 ** 31 - 512, 2 ** 32 - 8, 2 ** 32 - 1016]

describe.each(cursors)("RingSender and RingReceiver from cursor %i", (startCursor) => {
  const freeBytes = MIN_DATA_BYTES - RESERVED_BYTES
  const header = FRAME_HEADER_BYTES + BATCH_HEADER_BYTES
  it.each([0, 1, 7, 8, freeBytes - header, freeBytes - header + 1, freeBytes, 1024, 1025, 10 * 1024, 10 * 1024 + 3])(
    "pass a record of %i bytes, three times, with control in between",
    (bytes) => {
      const { sender, receiver } = open({ startCursor })
      const received: unknown[] = []
      for (let round = 0; round < 3; round++) {
        expect(sender.offerData(sized(bytes))).toBe(true)
        while (!sender.offerControl(IDLE)) received.push(...(takeValues(receiver) ?? []))
        received.push(...drain(sender, receiver))
      }
      expect(received).toEqual([bytes, IDLE, bytes, IDLE, bytes, IDLE])
      expect(sender.inFlightRecords).toBe(0)
    },
  )

  it("keep the order of records of all sizes over many laps", () => {
    const { sender, receiver } = open({ startCursor })
    const sent: number[] = []
    const received: unknown[] = []
    for (let step = 0; step < 2000; step++) {
      const bytes = (step * 37) % 400
      if (sender.offerData(sized(bytes))) sent.push(bytes)
      else received.push(...(takeValues(receiver) ?? []))
    }
    received.push(...drain(sender, receiver))
    expect(received).toEqual(sent)
  })
})

describe("RingSender", () => {
  it("publishes with one store, after the payload and the header are written", () => {
    const { ring, sender } = open({ codec: new RecordCodec() })
    const batch = new RecordBatch(["abc"], [5])
    const encoded = new BatchCodec(new RecordCodec()).encode(batch)
    const stores: number[] = []
    const original = Atomics.store
    vi.spyOn(Atomics, "store").mockImplementation(((array: Int32Array, index: number, value: number) => {
      stores.push(index)
      const payload = new Uint8Array(ring, HEADER_BYTES + FRAME_HEADER_BYTES, encoded.length)
      expect([...payload]).toEqual([...encoded])
      expect([...new Uint32Array(ring, HEADER_BYTES, 4)]).toEqual([encoded.length, 0x301, 1, encoded.length])
      return original(array, index, value)
    }) as typeof Atomics.store)
    sender.offerData(batch)
    expect(stores).toEqual([Word.PUBLISHED])
  })

  it("rings the receiver after the store, and RingReceiver the sender after its stores", () => {
    const log: string[] = []
    const ring = createRing({ capacityRecords: 1, capacityBytes: 1024 })
    const sender = new RingSender({
      ring,
      codec: new SizedCodec(),
      receiverBell: { ring: () => log.push("ring receiver") },
    })
    const receiver = new RingReceiver({
      ring,
      codec: new SizedCodec(),
      senderBell: { ring: () => log.push("ring sender") },
    })
    const original = Atomics.store
    vi.spyOn(Atomics, "store").mockImplementation(((array: Int32Array, index: number, value: number) => {
      log.push(`store ${index}`)
      return original(array, index, value)
    }) as typeof Atomics.store)
    sender.offerData(sized(1))
    receiver.poll()
    receiver.release()
    expect(log).toEqual([
      `store ${Word.PUBLISHED}`,
      "ring receiver",
      `store ${Word.RELEASED}`,
      `store ${Word.RELEASED_UNITS + ElementKind.DATA}`,
      "ring sender",
    ])
  })

  it("keeps a batch that fits an empty ring in one piece until there is room for that piece", () => {
    const { sender, receiver } = open()
    const bytes = maxWholeFrameBytes(MIN_DATA_BYTES) - FRAME_HEADER_BYTES - BATCH_HEADER_BYTES
    expect([sender.offerData(sized(bytes)), sender.offerData(sized(bytes)), sender.flush()]).toEqual([true, true, true])
    expect(sender.offerData(sized(bytes))).toBe(true)
    expect(sender.flush()).toBe(false)
    expect(sender.offerData(sized(1))).toBe(false)
    expect(sender.offerControl(END)).toBe(false)
    expect(sender.inFlightRecords).toBe(3)
    expect(takeValues(receiver)).toEqual([bytes])
    // The rest before the wrap is too short: the piece needs the place of the second one too.
    expect(sender.flush()).toBe(false)
    expect(takeValues(receiver)).toEqual([bytes])
    expect(sender.flush()).toBe(true)
    expect(sender.offerControl(END)).toBe(true)
    expect(drain(sender, receiver)).toEqual([bytes, END])
  })

  it("refuses everything else while a record is sent in fragments, and takes it afterwards", () => {
    const { sender, receiver } = open()
    expect(sender.offerData(sized(5000))).toBe(true)
    expect(sender.flush()).toBe(false)
    expect(sender.offerData(sized(1))).toBe(false)
    expect(sender.offerControl(IDLE)).toBe(false)
    expect(receiver.poll()).toBeUndefined()
    while (!sender.flush()) expect(receiver.poll()).toBeUndefined()
    expect(sender.offerControl(IDLE)).toBe(true)
    expect(drain(sender, receiver)).toEqual([5000, IDLE])
    expect(sender.bytesSent).toBe(5000 + BATCH_HEADER_BYTES)
  })

  it("changes nothing when the codec refuses a record", () => {
    const { sender, receiver } = open({ codec: new RecordCodec() })
    const refused = new RecordBatch([() => 1], [0])
    expect(() => sender.offerData(refused)).toThrow(expect.objectContaining({ code: "RECORD_NOT_SERIALIZABLE" }))
    expect(sender.inFlightRecords).toBe(0)
    sender.offerData(new RecordBatch(["after"], [0]))
    expect(takeValues(receiver)).toEqual(["after"])
  })

  it("prefers smaller batches when records are large, and larger ones again afterwards", () => {
    const { sender, receiver } = open({ capacityBytes: 1 << 16, capacityRecords: 4096 })
    expect(sender.preferredBatchSize).toBe(512)
    sender.offerData(sized(4096))
    expect(sender.preferredBatchSize).toBe(3)
    sender.offerData(sized(1 << 20))
    expect(sender.preferredBatchSize).toBe(1)
    drain(sender, receiver)
    for (let round = 0; round < 300; round++) {
      sender.offerData(sized(8))
      takeValues(receiver)
    }
    expect(sender.preferredBatchSize).toBe(512)
  })

  it("takes all of the control lane wherever the cursor stands, with the data full to the last byte", () => {
    const shortestFrame = FRAME_HEADER_BYTES + BATCH_HEADER_BYTES
    const barrier = { kind: ElementKind.BARRIER, checkpointId: 1, bornMs: 2 } as const
    const watermark = { kind: ElementKind.WATERMARK, timeMs: 3 } as const
    const control = [barrier, watermark, IDLE, watermark, barrier, watermark, IDLE, watermark, END]
    let leastFree = MIN_DATA_BYTES
    for (let startCursor = 0; startCursor < MIN_DATA_BYTES; startCursor += 8) {
      for (const firstBytes of [0, 8, 16]) {
        const { words, sender, receiver } = open({ startCursor })
        const used = () => (Atomics.load(words, Word.PUBLISHED) - Atomics.load(words, Word.RELEASED)) | 0
        const fits = () => {
          const rest = MIN_DATA_BYTES - (Atomics.load(words, Word.PUBLISHED) & (MIN_DATA_BYTES - 1))
          return used() + shortestFrame + (rest < shortestFrame ? rest : 0) <= MIN_DATA_BYTES - RESERVED_BYTES
        }
        sender.offerData(sized(firstBytes))
        while (fits()) sender.offerData(sized(0))
        leastFree = Math.min(leastFree, MIN_DATA_BYTES - RESERVED_BYTES - used())
        expect(control.map((element) => sender.offerControl(element))).toEqual(control.map(() => true))
        expect(drain(sender, receiver).slice(-control.length)).toEqual(control)
      }
    }
    expect(leastFree).toBe(0)
  })
})

describe("RingReceiver", () => {
  it("keeps the bytes of a batch in one piece until release()", () => {
    const { ring, words, sender, receiver } = open()
    sender.offerData(sized(100))
    receiver.poll()
    expect(Atomics.load(words, Word.RELEASED)).toBe(0)
    sender.offerData(sized(200))
    expect(
      new Uint8Array(ring, HEADER_BYTES + FRAME_HEADER_BYTES + BATCH_HEADER_BYTES, 100).every((b) => b === 0xab),
    ).toBe(true)
    receiver.release()
    expect(Atomics.load(words, Word.RELEASED)).toBe(FRAME_HEADER_BYTES + 112)
  })

  it("gives back the bytes of fragments at once, and the credit on release()", () => {
    const { words, sender, receiver, wakes } = open({ capacityRecords: 1 })
    sender.offerData(sized(3000))
    expect(receiver.poll()).toBeUndefined()
    expect(Atomics.load(words, Word.RELEASED)).toBe(Atomics.load(words, Word.PUBLISHED))
    expect(wakes.sender).toBeGreaterThan(0)
    while (!sender.flush()) receiver.poll()
    receiver.poll()
    expect(sender.inFlightRecords).toBe(1)
    receiver.release()
    expect(sender.inFlightRecords).toBe(0)
  })

  it("decodes nothing into a view on the ring", () => {
    const { ring, sender, receiver } = open({ codec: new RecordCodec() })
    const value = { bytes: new Uint8Array([1, 2, 3]), floats: new Float64Array([1.5]), node: Buffer.from("xyz") }
    sender.offerData(new RecordBatch([value], [0]))
    const element = receiver.poll()
    new Uint8Array(ring, HEADER_BYTES).fill(0xff)
    expect(element?.kind === ElementKind.DATA && element.batch.values[0]).toEqual(value)
  })

  it("passes a record of 50 MB", () => {
    const { sender, receiver } = open({ codec: new RecordCodec(), capacityBytes: 1 << 20 })
    const text = "0123456789".repeat(5_000_000)
    expect(sender.offerData(new RecordBatch([{ text, n: 1 }], [0]))).toBe(true)
    expect(sender.offerControl(END)).toBe(false)
    const [record] = drain(sender, receiver) as [{ text: string; n: number }]
    expect(record.n).toBe(1)
    expect(record.text === text).toBe(true)
    expect(sender.bytesSent).toBeGreaterThan(50_000_000)
  })

  it("stops on frames that no sender writes", () => {
    const corruptions: [name: string, word: number, value: number][] = [
      ["unknown kind", 1, 0x309],
      ["length beyond what is published", 0, 800],
      ["negative length", 0, -8],
      ["length beyond the data", 0, 1 << 20],
      ["padding in the middle", 1, 0],
      ["unknown flags", 1, 0xf01],
      ["rest without a first fragment", 1, 0x201],
      ["another number of records", 2, 2],
      ["no records", 2, 0],
      ["another total", 3, 1000],
      ["watermark of another length", 1, 0x300 | ElementKind.WATERMARK],
    ]
    for (const [name, word, value] of corruptions) {
      const { ring, sender, receiver } = open()
      sender.offerData(sized(100))
      new Int32Array(ring, HEADER_BYTES)[word] = value
      expect(() => receiver.poll(), name).toThrow(expect.objectContaining({ code: "INVARIANT_BROKEN" }))
    }
  })

  it("sees no announcement that is half written, and the one before it until then", () => {
    const { words, sender, receiver } = open()
    sender.announce({ checkpointId: 1, bornMs: 10 })
    const first = receiver.announcement
    // The sender has begun the next one, and stands still, or has died.
    Atomics.add(words, Word.ANNOUNCED_SEQUENCE, 1)
    Atomics.store(words, Word.ANNOUNCED_ID, -1)
    expect(receiver.announcement).toBe(first)
    sender.announce({ checkpointId: 2, bornMs: 20 })
    expect(receiver.announcement).toEqual({ checkpointId: 2, bornMs: 20, position: 0 })
  })

  it("announces before it publishes what it has not sent, so that who sees that sees the announcement", () => {
    const { words, sender, receiver } = open()
    for (let records = 0; records < 3; records++) sender.offerData(sized(300))
    expect(sender.unsent?.records).toBe(1)
    sender.announce({ checkpointId: 1, bornMs: 10 })
    receiver.poll()
    receiver.release()
    const stores: number[] = []
    const store = Atomics.store
    vi.spyOn(Atomics, "store").mockImplementation(((array: Int32Array, index: number, value: number) => {
      stores.push(index)
      return store(array, index, value)
    }) as typeof Atomics.store)
    const published = Atomics.load(words, Word.PUBLISHED)
    expect(sender.flush()).toBe(true)
    expect(stores).toEqual([Word.PUBLISHED])
    expect(Atomics.load(words, Word.PUBLISHED)).not.toBe(published)
    expect([receiver.announcement?.position, sender.position]).toEqual([2, 3])
  })

  it("refuses memory that is no ring", () => {
    const ring = new SharedArrayBuffer(4096)
    const senderBell = { ring: () => undefined }
    expect(() => new RingReceiver({ ring, codec: new SizedCodec(), senderBell })).toThrow(/starts with 0/)
  })
})
