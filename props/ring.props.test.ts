import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { ChannelReceiver, ChannelSender } from "../src/mailbox/index.ts"
import { createLocalChannel, createRing, RingReceiver, RingSender } from "../src/mailbox/index.ts"
import {
  CONTROL_BOUND,
  FRAME_HEADER_BYTES,
  HEADER_BYTES,
  MIN_DATA_BYTES,
  presetCursors,
  RESERVED_BYTES,
  Word,
} from "../src/mailbox/layout.ts"
import {
  BatchCodec,
  type ChannelElement,
  type ControlElement,
  ElementKind,
  END,
  IDLE,
  RecordBatch,
  type ValueCodec,
} from "../src/records/index.ts"
import { bytesCodec } from "./_bytes-codec.ts"

// Values are [number, bytes]: a tag, and how long the record is on the wire. What is on the wire is the tag over and over,
// so that a byte of another record, of freed space or of nothing shows.
type Value = readonly [tag: number, bytes: number]

const taggedCodec: ValueCodec = bytesCodec(
  (values) => {
    const parts = (values as readonly Value[]).map(([tag, bytes]) => {
      const part = new Uint8Array(8 + bytes).fill(tag & 0x7f)
      new DataView(part.buffer).setUint32(0, tag)
      new DataView(part.buffer).setUint32(4, bytes)
      return part
    })
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  },
  (bytes) => {
    const values: Value[] = []
    for (let at = 0; at < bytes.length; ) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at)
      const tag = view.getUint32(0)
      const length = view.getUint32(4)
      if (!bytes.subarray(at + 8, at + 8 + length).every((byte) => byte === (tag & 0x7f))) {
        throw new Error(`record ${tag} of ${length} bytes is torn`)
      }
      values.push([tag, length])
      at += 8 + length
    }
    return values
  },
)

/** A frame with one record of no bytes: the headers of frame, batch and record. */
const RECORD_FRAME_BYTES = FRAME_HEADER_BYTES + 8 + 8

interface Subject {
  readonly sender: ChannelSender
  readonly receiver: ChannelReceiver
  /** Looks at the memory after each step; writes poison over what is free. */
  readonly look: () => void
}

const POISON = 0xfe

interface RingSubject extends Subject {
  /** Whether a data frame of at most so many bytes goes out at once. */
  readonly fits: (frameBytes: number) => boolean
}

function openRing(capacityRecords: number, capacityBytes: number, startCursor: number): RingSubject {
  const ring = createRing({ capacityRecords, capacityBytes })
  presetCursors(ring, startCursor)
  const words = new Int32Array(ring, 0, HEADER_BYTES / 4)
  const data = new Uint8Array(ring, HEADER_BYTES)
  const nobody = { ring: () => undefined }
  return {
    sender: new RingSender({ ring, codec: taggedCodec, receiverBell: nobody }),
    receiver: new RingReceiver({ ring, codec: taggedCodec, senderBell: nobody }),
    fits(frameBytes) {
      const published = Atomics.load(words, Word.PUBLISHED)
      const length = frameBytes & ~7
      const rest = data.length - (published & (data.length - 1))
      const used = (published - Atomics.load(words, Word.RELEASED)) | 0
      return used + length + (rest < length ? rest : 0) <= data.length - RESERVED_BYTES
    },
    look() {
      const published = Atomics.load(words, Word.PUBLISHED)
      const released = Atomics.load(words, Word.RELEASED)
      const used = (published - released) | 0
      expect(used).toBeGreaterThanOrEqual(0)
      expect(used).toBeLessThanOrEqual(data.length)
      const from = published & (data.length - 1)
      const until = from + data.length - used
      data.fill(POISON, from, until)
      if (until > data.length) data.fill(POISON, 0, until - data.length)
    },
  }
}

function openLocal(capacityRecords: number): Subject {
  const nobody = () => undefined
  const channel = createLocalChannel({ capacityRecords, wakeReceiver: nobody, wakeSender: nobody })
  return { ...channel, look: () => undefined }
}

/** The plainest queue with credits. */
class Model {
  readonly waiting: ChannelElement[] = []
  held: ChannelElement | undefined
  readonly inFlight = [0, 0, 0, 0, 0, 0]
  readonly capacityRecords: number

  constructor(capacityRecords: number) {
    this.capacityRecords = capacityRecords
  }

  accepts(element: ChannelElement): boolean {
    const inFlight = this.inFlight[element.kind]!
    if (element.kind === ElementKind.DATA)
      return inFlight === 0 || inFlight + element.batch.size <= this.capacityRecords
    return inFlight < CONTROL_BOUND[element.kind]!
  }

  put(element: ChannelElement): void {
    this.inFlight[element.kind]! += unitsOf(element)
    this.waiting.push(element)
  }

  release(): void {
    this.inFlight[this.held!.kind]! -= unitsOf(this.held!)
    this.held = undefined
  }
}

function unitsOf(element: ChannelElement): number {
  return element.kind === ElementKind.DATA ? element.batch.size : 1
}

function plain(element: ChannelElement): unknown {
  if (element.kind !== ElementKind.DATA) return element
  const { values, times, keyHashes } = element.batch
  return [[...values], [...times], [...keyHashes]]
}

function plainContent(content: RecordBatch | Uint8Array): unknown {
  const batch = content instanceof RecordBatch ? content : new BatchCodec(taggedCodec).decode(content)
  return plain({ kind: ElementKind.DATA, batch })
}

type Step =
  | { readonly do: "data"; readonly sizes: readonly number[]; readonly timed: boolean }
  | { readonly do: "control"; readonly element: ControlElement }
  | { readonly do: "poll" | "release" | "flush" | "announce" | "peek" }

const exactSizes = [0, 1, 7, 8, 1024 - 256 - 48, 1024 - 256 - 47, 1024, 1025, 4096, 10_240]
const sizes = fc.array(fc.oneof(fc.nat(40), fc.constantFrom(...exactSizes), fc.nat(3000)), {
  minLength: 1,
  maxLength: 6,
})
const control = fc.oneof(
  fc.constant<ControlElement>(IDLE),
  fc.integer().map((timeMs): ControlElement => ({ kind: ElementKind.WATERMARK, timeMs })),
  fc.nat().map((checkpointId): ControlElement => ({ kind: ElementKind.BARRIER, checkpointId, bornMs: 1 })),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("data" as const), sizes, timed: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("control" as const), element: control }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("poll" as const, "release" as const, "flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("announce" as const, "peek" as const) }) },
)
const capacityRecords = fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9), fc.integer({ min: 1, max: 100 }))
const startCursor = fc
  .oneof(
    fc.constantFrom(0, 2 ** 31 - 8, 2 ** 32 - 8, 2 ** 31 - 2048, 2 ** 32 - 2048),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  )
  .map((cursor) => Math.floor(cursor / 8) * 8)
const setup = fc.record({ capacityRecords, capacityBytes: fc.constantFrom(MIN_DATA_BYTES, 2048, 4096), startCursor })

/** Counts what the runs reached: a property that never fills the ring proves little. */
const reached = {
  dataRefused: 0,
  controlRefused: 0,
  unsent: 0,
  oversized: 0,
  delivered: 0,
  incomplete: 0,
  peeked: 0,
  peekedShort: 0,
}

/** Runs the steps on the subject and on the model side by side. @returns what was delivered */
function check(subject: Subject, model: Model, steps: readonly Step[]): unknown[] {
  const { sender, receiver } = subject
  const delivered: unknown[] = []
  let tag = 0
  let units = 0
  let announced = 0

  function offer(element: ChannelElement): void {
    const accepted = element.kind === ElementKind.DATA ? sender.offerData(element.batch) : sender.offerControl(element)
    if (accepted) {
      expect(model.accepts(element)).toBe(true)
      if (element.kind === ElementKind.DATA && element.batch.size > model.capacityRecords) reached.oversized++
      model.put(element)
      units += unitsOf(element)
    } else if (model.accepts(element)) {
      // Only a batch that is still being sent may be the reason: RING-7.
      expect(sender.flush()).toBe(false)
      reached.unsent++
    } else if (element.kind === ElementKind.DATA) reached.dataRefused++
    else reached.controlRefused++
  }

  function poll(): void {
    const element = receiver.poll()
    if (element === undefined) {
      // Nothing complete: the model has nothing, or what it has next has not been sent whole.
      if (model.waiting.length > 0) {
        expect(model.waiting.length).toBe(1)
        reached.incomplete++
      }
      return
    }
    const expected = model.waiting.shift()
    expect(expected).toBeDefined()
    expect(plain(element)).toEqual(plain(expected!))
    model.held = expected
    delivered.push(plain(element))
    reached.delivered++
  }

  function run(current: Step): void {
    switch (current.do) {
      case "data": {
        const values = current.sizes.map((bytes): Value => [tag++, bytes])
        const times = values.map((_, index) => (current.timed ? index * 1.5 : Number.NEGATIVE_INFINITY))
        const keyHashes = current.timed ? values.map((_, index) => 2 ** 32 - 1 - index) : []
        offer({ kind: ElementKind.DATA, batch: new RecordBatch(values, times, keyHashes) })
        break
      }
      case "control":
        offer(current.element)
        break
      case "flush":
        sender.flush()
        break
      case "poll":
        if (model.held === undefined) poll()
        break
      case "release":
        if (model.held === undefined) break
        receiver.release()
        model.release()
        break
      case "announce": {
        const unsent = sender.unsent?.records ?? 0
        sender.announce({ checkpointId: ++announced, bornMs: announced / 2 })
        const position = units - unsent
        expect(receiver.announcement).toEqual({ checkpointId: announced, bornMs: announced / 2, position })
        expect(sender.position).toBe(position)
        break
      }
      case "peek":
        peek()
        break
    }
  }

  /** UC-1: what a receiver sees of the queue and what its sender has not sent whole make up what is on its way. */
  function peek(): void {
    const queue = receiver.peek()
    const seen: unknown[] = []
    for (let element = queue.next(); element !== undefined; element = queue.next()) {
      seen.push(element.kind === ElementKind.DATA ? plainContent(element.content) : element)
      reached.peeked++
    }
    const { unsent } = sender
    if (unsent !== undefined) {
      reached.peekedShort++
      seen.push(plainContent(unsent.content))
    }
    expect(seen).toEqual(model.waiting.map(plain))
  }

  for (const current of steps) {
    run(current)
    subject.look()
    expect(sender.inFlightRecords).toBe(model.inFlight[ElementKind.DATA])
  }
  drain()
  return delivered

  function drain(): void {
    let ended = false
    for (let rounds = 0; !ended || model.waiting.length > 0; rounds++) {
      expect(rounds).toBeLessThan(10_000)
      if (model.held !== undefined) run({ do: "release" })
      run({ do: "flush" })
      if (!ended && sender.flush()) {
        expect(sender.offerControl(END)).toBe(true)
        model.put(END)
        ended = true
      }
      run({ do: "poll" })
      subject.look()
    }
    run({ do: "release" })
    expect(sender.inFlightRecords).toBe(0)
    expect(receiver.ready).toBe(false)
    expect(receiver.poll()).toBeUndefined()
  }
}

describe("mailbox laws", () => {
  it("RING-1 RING-2 RING-3 RING-4 the ring is a FIFO queue with credits: any sizes, capacities, cursors, freed space poisoned", () => {
    fc.assert(
      fc.property(setup, fc.array(step, { maxLength: 80, size: "max" }), (options, steps) => {
        const subject = openRing(options.capacityRecords, options.capacityBytes, options.startCursor)
        check(subject, new Model(options.capacityRecords), steps)
      }),
      { numRuns: 5 * fc.readConfigureGlobal().numRuns! },
    )
    for (const [name, times] of Object.entries(reached)) expect(times, name).toBeGreaterThan(0)
  })

  it("RING-1 RING-4 the local channel is a FIFO queue with credits", () => {
    fc.assert(
      fc.property(setup, fc.array(step, { maxLength: 80, size: "max" }), (options, steps) => {
        check(openLocal(options.capacityRecords), new Model(options.capacityRecords), steps)
      }),
      { numRuns: 2 * fc.readConfigureGlobal().numRuns! },
    )
  })

  it("RING-1 ring and local channel answer every call alike, as long as the bytes suffice", () => {
    const small: fc.Arbitrary<Step> = step.map((drawn) =>
      drawn.do === "data" ? { ...drawn, sizes: drawn.sizes.map((bytes) => bytes % 16) } : drawn,
    )
    fc.assert(
      fc.property(capacityRecords, fc.array(small, { maxLength: 80, size: "max" }), (capacity, steps) => {
        const log = (subject: Subject) => {
          let held = false
          let tag = 0
          return steps.map((current) => {
            if (current.do === "announce") return subject.sender.announce({ checkpointId: 1, bornMs: 2 })
            if (current.do === "peek") return subject.receiver.peek().next()?.kind
            if (current.do === "flush") return subject.sender.flush()
            if (current.do === "control") return subject.sender.offerControl(current.element)
            if (current.do === "data") {
              const values = current.sizes.map((bytes): Value => [tag++, bytes])
              return subject.sender.offerData(new RecordBatch(values, values.map(Number.prototype.valueOf.bind(1))))
            }
            if (current.do === "release") {
              if (held) subject.receiver.release()
              held = false
              return subject.sender.inFlightRecords
            }
            if (held) return subject.receiver.ready
            const element = subject.receiver.poll()
            held = element !== undefined
            return element === undefined ? undefined : plain(element)
          })
        }
        expect(log(openRing(capacity, 1 << 17, 0))).toEqual(log(openLocal(capacity)))
      }),
    )
  })

  it("RING-7 full data never delays control within its bounds, in any order", () => {
    const bounded = fc.shuffledSubarray(
      [1, 2, 3, 4]
        .map((timeMs): ControlElement => ({ kind: ElementKind.WATERMARK, timeMs }))
        .concat([IDLE, IDLE])
        .concat([1, 2].map((checkpointId) => ({ kind: ElementKind.BARRIER, checkpointId, bornMs: 0 }))),
    )
    const first = fc.nat(64)
    fc.assert(
      fc.property(first, bounded, startCursor, (firstBytes, elements, cursor) => {
        const { sender, receiver, fits } = openRing(1000, MIN_DATA_BYTES, cursor)
        let offered = 0
        // The shortest records there are, until not even one more has room.
        for (let bytes = firstBytes; fits(RECORD_FRAME_BYTES + bytes + 7); bytes = 0) {
          expect(sender.offerData(new RecordBatch([[offered++, bytes]], [Number.NEGATIVE_INFINITY]))).toBe(true)
          expect(sender.flush()).toBe(true)
        }
        for (const element of [...elements, END]) expect(sender.offerControl(element)).toBe(true)
        const received: unknown[] = []
        for (let element = receiver.poll(); element !== undefined; element = receiver.poll()) {
          if (element.kind !== ElementKind.DATA) received.push(element)
          else offered--
          receiver.release()
        }
        expect(offered).toBe(0)
        expect(received).toEqual([...elements, END])
      }),
      { numRuns: 2 * fc.readConfigureGlobal().numRuns! },
    )
  })

  it("RING-6 a receiver sees nothing of a frame that was not published", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 512 }), startCursor, (garbage, cursor) => {
        const ring = createRing({ capacityRecords: 10, capacityBytes: MIN_DATA_BYTES })
        presetCursors(ring, cursor)
        const nobody = { ring: () => undefined }
        const sender = new RingSender({ ring, codec: taggedCodec, receiverBell: nobody })
        const receiver = new RingReceiver({ ring, codec: taggedCodec, senderBell: nobody })
        sender.offerData(new RecordBatch([[1, 5]], [1]))
        const words = new Int32Array(ring, 0, HEADER_BYTES / 4)
        const published = Atomics.load(words, Word.PUBLISHED)
        // The sender dies while it writes the next frame.
        const data = new Uint8Array(ring, HEADER_BYTES)
        for (const [index, byte] of garbage.entries()) data[(published + index) & (MIN_DATA_BYTES - 1)] = byte
        expect(receiver.poll()).toMatchObject({ kind: ElementKind.DATA })
        receiver.release()
        expect(receiver.ready).toBe(false)
        expect(receiver.poll()).toBeUndefined()
      }),
    )
  })
})
