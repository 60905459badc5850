import { invariant } from "../errors/index.ts"
import {
  BatchCodec,
  type ChannelElement,
  type ControlElement,
  ElementKind,
  type RecordBatch,
  type ValueCodec,
} from "../records/index.ts"
import { BATCHES_PER_CHANNEL, preferredRecords } from "./_batch-size.ts"
import { AnnouncementReader, writeAnnouncement } from "./_ring-announcement.ts"
import { controlBytes, RingMemory } from "./_ring-memory.ts"
import { RingPeek } from "./_ring-peek.ts"
import type { Announcement, ChannelPeek, ChannelReceiver, ChannelSender, Doorbell, QueuedData } from "./channel.ts"
import {
  CONTROL_BOUND,
  FLAG_ALIGNED,
  FLAG_FIRST,
  FLAG_LAST,
  FRAME_HEADER_BYTES,
  HEADER_BYTES,
  MAX_CAPACITY_RECORDS,
  MAX_DATA_BYTES,
  MIN_DATA_BYTES,
  maxWholeFrameBytes,
  minFragmentBytes,
  PADDING,
  PADDING_HEADER_BYTES,
  padded,
  RESERVED_BYTES,
  RING_MAGIC,
  Word,
} from "./layout.ts"

export interface RingOptions {
  /** Records in flight at most: integer >= 1. */
  readonly capacityRecords: number
  /** Bytes in flight at most, rounded up to a power of two of at least 1 KiB; at most 1 GiB. A larger record goes in fragments. */
  readonly capacityBytes: number
}

/** Memory of one channel from one sender to one receiver on another thread: see layout.ts. */
export function createRing({ capacityRecords, capacityBytes }: RingOptions): SharedArrayBuffer {
  invariant(
    Number.isInteger(capacityRecords) && capacityRecords >= 1 && capacityRecords <= MAX_CAPACITY_RECORDS,
    `a ring of ${capacityRecords} records`,
  )
  invariant(capacityBytes > 0 && capacityBytes <= MAX_DATA_BYTES, `a ring of ${capacityBytes} bytes`)
  let dataBytes = MIN_DATA_BYTES
  while (dataBytes < capacityBytes) dataBytes *= 2
  const ring = new SharedArrayBuffer(HEADER_BYTES + dataBytes)
  const words = new Int32Array(ring, 0, HEADER_BYTES / 4)
  Atomics.store(words, Word.DATA_BYTES, dataBytes)
  Atomics.store(words, Word.CAPACITY_RECORDS, capacityRecords)
  Atomics.store(words, Word.MAGIC, RING_MAGIC)
  return ring
}

export interface RingSenderOptions {
  readonly ring: SharedArrayBuffer
  /** Of this sender alone. */
  readonly codec: ValueCodec
  /** Wakes the worker of the receiver. */
  readonly receiverBell: Doorbell
}

/** An encoded batch that did not fit at once: waits for room in one piece, or goes on in fragments. */
interface Unsent {
  readonly bytes: Uint8Array
  readonly records: number
  sentBytes: number
}

/**
 * The sending end of a ring. Promises: those of ChannelSender, and
 * - one atomic store per element publishes it; payload and headers are plain writes before it;
 * - a batch is encoded once, in the offer; what does not fit is kept as bytes and goes out in `flush`, which each later
 *   offer tries first;
 * - one instance per ring at a time, on one thread.
 */
export class RingSender implements ChannelSender {
  readonly #memory: RingMemory
  readonly #codec: BatchCodec
  readonly #receiverBell: Doorbell
  readonly #mask: number
  /** What PUBLISHED says, kept here: only we write it. */
  #published: number
  /** RELEASED as last read. Room can only have grown since, so it is read again only when this one shows too little. */
  #releasedSeen: number
  /** Units offered so far per kind, wrapping: less RELEASED_UNITS, that is what is in flight. */
  readonly #offeredUnits: Int32Array
  #unsent: Unsent | undefined
  #ended = false
  #bytesSent = 0
  #bytesPerRecord = 0
  #position = 0

  constructor({ ring, codec, receiverBell }: RingSenderOptions) {
    this.#memory = new RingMemory(ring)
    this.#codec = new BatchCodec(codec)
    this.#receiverBell = receiverBell
    this.#mask = this.#memory.dataBytes - 1
    const { words } = this.#memory
    this.#published = Atomics.load(words, Word.PUBLISHED)
    this.#releasedSeen = Atomics.load(words, Word.RELEASED)
    this.#offeredUnits = new Int32Array(ElementKind.END + 1)
    for (let kind = 0; kind <= ElementKind.END; kind++) {
      this.#offeredUnits[kind] = Atomics.load(words, Word.RELEASED_UNITS + kind)
    }
  }

  offerData(batch: RecordBatch): boolean {
    invariant(!this.#ended, "data was offered after the end")
    const records = batch.size
    if (records === 0) return true
    if (!this.flush()) return false
    const inFlight = this.#inFlight(ElementKind.DATA)
    if (inFlight > 0 && inFlight + records > this.#memory.capacityRecords) return false

    const bytesAtMost = this.#codec.prepare(batch)
    let bytes: number
    if (this.#makeRoom(FRAME_HEADER_BYTES + padded(bytesAtMost), RESERVED_BYTES)) {
      const at = this.#published & this.#mask
      const sink = this.#memory.cursorAt(at + FRAME_HEADER_BYTES, bytesAtMost)
      const start = sink.at
      this.#codec.write(sink)
      bytes = sink.at - start
      this.#writeHeader(at, ElementKind.DATA, FLAG_FIRST | FLAG_LAST, bytes, records, bytes)
      this.#bytesSent += bytes
      this.#position += records
      this.#publish(FRAME_HEADER_BYTES + padded(bytes))
    } else {
      const kept = this.#codec.finish(bytesAtMost)
      bytes = kept.length
      this.#unsent = { bytes: kept, records, sentBytes: 0 }
      this.flush()
    }
    this.#offeredUnits[ElementKind.DATA]! += records
    this.#observeSize(bytes / records)
    return true
  }

  offerControl(element: ControlElement): boolean {
    invariant(!this.#ended, "an element was offered after the end")
    if (!this.flush()) return false
    const { kind } = element
    if (this.#inFlight(kind) >= CONTROL_BOUND[kind]!) return false

    const bytes = controlBytes(kind)
    const frameBytes = FRAME_HEADER_BYTES + bytes
    invariant(this.#makeRoom(frameBytes, 0), () => `the control lane has no room for an element of kind ${kind}`)
    const at = this.#published & this.#mask
    const aligned = element.kind === ElementKind.BARRIER && element.aligned === true ? FLAG_ALIGNED : 0
    this.#writeHeader(at, kind, FLAG_FIRST | FLAG_LAST | aligned, bytes, 0, bytes)
    const { dataView } = this.#memory
    if (element.kind === ElementKind.WATERMARK) {
      dataView.setFloat64(at + FRAME_HEADER_BYTES, element.timeMs, true)
    } else if (element.kind === ElementKind.BARRIER) {
      dataView.setFloat64(at + FRAME_HEADER_BYTES, element.checkpointId, true)
      dataView.setFloat64(at + FRAME_HEADER_BYTES + 8, element.bornMs, true)
    }
    this.#offeredUnits[kind]! += 1
    this.#ended = kind === ElementKind.END
    this.#position += 1
    this.#publish(frameBytes)
    return true
  }

  flush(): boolean {
    const unsent = this.#unsent
    if (unsent === undefined) return true
    const { bytes } = unsent
    const { dataBytes } = this.#memory
    // What fits into an empty ring in one piece waits for that piece: the receiver need not assemble it, and a checkpoint
    // can copy it in place. That room comes, since the receiver gives everything back sooner or later.
    const whole = unsent.sentBytes === 0 && FRAME_HEADER_BYTES + padded(bytes.length) <= maxWholeFrameBytes(dataBytes)
    const minBytes = whole ? padded(bytes.length) : minFragmentBytes(dataBytes)
    while (unsent.sentBytes < bytes.length) {
      const restBytes = bytes.length - unsent.sentBytes
      if (!this.#makeRoom(FRAME_HEADER_BYTES + Math.min(padded(restBytes), minBytes), RESERVED_BYTES)) return false
      const at = this.#published & this.#mask
      const fragmentBytes = Math.min(restBytes, this.#contiguousRoom(RESERVED_BYTES) - FRAME_HEADER_BYTES)
      const first = unsent.sentBytes === 0
      const flags = (first ? FLAG_FIRST : 0) | (fragmentBytes === restBytes ? FLAG_LAST : 0)
      const totalOrOffset = first ? bytes.length : unsent.sentBytes
      this.#writeHeader(at, ElementKind.DATA, flags, fragmentBytes, unsent.records, totalOrOffset)
      this.#memory.data.set(bytes.subarray(unsent.sentBytes, unsent.sentBytes + fragmentBytes), at + FRAME_HEADER_BYTES)
      unsent.sentBytes += fragmentBytes
      this.#bytesSent += fragmentBytes
      this.#publish(FRAME_HEADER_BYTES + padded(fragmentBytes))
    }
    this.#position += unsent.records
    this.#unsent = undefined
    return true
  }

  announce({ checkpointId, bornMs }: { readonly checkpointId: number; readonly bornMs: number }): void {
    writeAnnouncement(this.#memory.words, { checkpointId, bornMs, position: this.#position })
    this.#receiverBell.ring()
  }

  get position(): number {
    return this.#position
  }

  get unsent(): QueuedData | undefined {
    const unsent = this.#unsent
    return unsent && { kind: ElementKind.DATA, records: unsent.records, content: unsent.bytes }
  }

  get inFlightRecords(): number {
    return this.#inFlight(ElementKind.DATA)
  }

  get capacityRecords(): number {
    return this.#memory.capacityRecords
  }

  get preferredBatchSize(): number {
    const byCredit = preferredRecords(this.#memory.capacityRecords)
    if (this.#bytesPerRecord === 0) return byCredit
    const byBytes = Math.floor(this.#memory.dataBytes / BATCHES_PER_CHANNEL / this.#bytesPerRecord)
    return Math.max(1, Math.min(byCredit, byBytes))
  }

  get bytesSent(): number {
    return this.#bytesSent
  }

  #inFlight(kind: number): number {
    return (this.#offeredUnits[kind]! - Atomics.load(this.#memory.words, Word.RELEASED_UNITS + kind)) | 0
  }

  /**
   * Makes sure that a frame can be written at PUBLISHED in one piece, leaving `reservedBytes` free, and covers the rest
   * before the wrap with padding if it must. The padding is published together with the frame. @returns false, and
   * nothing is changed, when there is no such room.
   */
  #makeRoom(frameBytes: number, reservedBytes: number): boolean {
    const { dataBytes } = this.#memory
    const at = this.#published & this.#mask
    const restBytes = dataBytes - at
    const skippedBytes = frameBytes <= restBytes ? 0 : restBytes
    if (!this.#isFree(skippedBytes + frameBytes + reservedBytes)) return false
    if (skippedBytes > 0) {
      const word = at >> 2
      this.#memory.dataWords[word] = skippedBytes - PADDING_HEADER_BYTES
      this.#memory.dataWords[word + 1] = PADDING
      this.#published = (this.#published + skippedBytes) | 0
    }
    return true
  }

  #isFree(bytes: number): boolean {
    if (bytes <= this.#freeBytes()) return true
    this.#releasedSeen = Atomics.load(this.#memory.words, Word.RELEASED)
    return bytes <= this.#freeBytes()
  }

  #freeBytes(): number {
    return this.#memory.dataBytes - ((this.#published - this.#releasedSeen) | 0)
  }

  #contiguousRoom(reservedBytes: number): number {
    return Math.min(this.#memory.dataBytes - (this.#published & this.#mask), this.#freeBytes() - reservedBytes)
  }

  #writeHeader(at: number, kind: number, flags: number, bytes: number, records: number, totalOrOffset: number): void {
    const { dataWords } = this.#memory
    const word = at >> 2
    dataWords[word] = bytes
    dataWords[word + 1] = kind | (flags << 8)
    dataWords[word + 2] = records
    dataWords[word + 3] = totalOrOffset
  }

  #publish(frameBytes: number): void {
    this.#published = (this.#published + frameBytes) | 0
    // The one store that publishes: everything written above becomes visible with it. The bell comes after it.
    Atomics.store(this.#memory.words, Word.PUBLISHED, this.#published)
    this.#receiverBell.ring()
  }

  /** Learns quickly that records have become larger (memory), slowly that they have become smaller (speed). */
  #observeSize(bytesPerRecord: number): void {
    const weight = this.#bytesPerRecord === 0 ? 1 : bytesPerRecord > this.#bytesPerRecord ? 1 / 2 : 1 / 16
    this.#bytesPerRecord += (bytesPerRecord - this.#bytesPerRecord) * weight
  }
}

export interface RingReceiverOptions {
  readonly ring: SharedArrayBuffer
  /** Of this receiver alone. */
  readonly codec: ValueCodec
  /** Wakes the worker of the sender. */
  readonly senderBell: Doorbell
}

/** A batch of which not all fragments have come. */
interface Assembly {
  readonly bytes: Uint8Array
  readonly records: number
  receivedBytes: number
}

/**
 * The receiving end of a ring. Promises: those of ChannelReceiver, and
 * - the bytes of an element in one piece stay in place until `release`, so that a checkpoint can copy them;
 * - a fragment's bytes are given back as soon as they are copied out (else a record larger than the ring could not
 *   pass), the batch's credit on `release`;
 * - one instance per ring at a time, on one thread.
 */
export class RingReceiver implements ChannelReceiver {
  readonly #memory: RingMemory
  readonly #codec: BatchCodec
  readonly #senderBell: Doorbell
  readonly #mask: number
  /** Where the next frame starts. */
  #cursor: number
  /** PUBLISHED as last read. More may have come since, so it is read again only when all before this one is consumed. */
  #publishedSeen: number
  /** Units given back so far per kind: what RELEASED_UNITS say, kept here, since only we write them. */
  readonly #releasedUnits: Int32Array
  #assembly: Assembly | undefined
  /** Kind and units of the element that was polled and not released; kind 0 for none. */
  #heldKind = 0
  #heldUnits = 0
  #position = 0
  readonly #announced: AnnouncementReader

  constructor({ ring, codec, senderBell }: RingReceiverOptions) {
    this.#memory = new RingMemory(ring)
    this.#codec = new BatchCodec(codec)
    this.#senderBell = senderBell
    this.#mask = this.#memory.dataBytes - 1
    const { words } = this.#memory
    this.#cursor = Atomics.load(words, Word.RELEASED)
    this.#publishedSeen = this.#cursor
    this.#announced = new AnnouncementReader(words)
    this.#releasedUnits = new Int32Array(ElementKind.END + 1)
    for (let kind = 0; kind <= ElementKind.END; kind++) {
      this.#releasedUnits[kind] = Atomics.load(words, Word.RELEASED_UNITS + kind)
    }
  }

  poll(): ChannelElement | undefined {
    invariant(this.#heldKind === 0, "a channel was polled before the element last polled was released")
    while (this.ready) {
      const element = this.#readFrame()
      if (element === undefined) continue
      this.#heldKind = element.kind
      this.#position += this.#heldUnits
      return element
    }
    return undefined
  }

  release(): void {
    const kind = this.#heldKind
    invariant(kind !== 0, "a channel was released while no element was held")
    this.#heldKind = 0
    this.#releasedUnits[kind]! += this.#heldUnits
    const { words } = this.#memory
    // Bytes before credit: a sender that sees the credit finds the room too.
    Atomics.store(words, Word.RELEASED, this.#cursor)
    Atomics.store(words, Word.RELEASED_UNITS + kind, this.#releasedUnits[kind]!)
    this.#senderBell.ring()
  }

  get ready(): boolean {
    if (this.#cursor !== this.#publishedSeen) return true
    this.#publishedSeen = Atomics.load(this.#memory.words, Word.PUBLISHED)
    return this.#cursor !== this.#publishedSeen
  }

  get announcement(): Announcement | undefined {
    return this.#announced.read()
  }

  get position(): number {
    return this.#position
  }

  peek(): ChannelPeek {
    return new RingPeek(this.#memory, this.#cursor, this.#assembly)
  }

  /** Reads the frame at the cursor and moves behind it. @returns undefined when it completes no element */
  #readFrame(): ChannelElement | undefined {
    const { dataWords, dataBytes } = this.#memory
    const at = this.#cursor & this.#mask
    const bytes = dataWords[at >> 2]!
    const kindAndFlags = dataWords[(at >> 2) + 1]!
    const kind = kindAndFlags & 0xff
    const flags = kindAndFlags >>> 8
    if (kind === PADDING) {
      const skippedBytes = dataBytes - at
      this.#check(kindAndFlags === PADDING && bytes === skippedBytes - PADDING_HEADER_BYTES, at)
      this.#moveBy(skippedBytes, at)
      return undefined
    }
    const payloadAt = at + FRAME_HEADER_BYTES
    this.#check(kind <= ElementKind.END && bytes >= 0 && payloadAt + bytes <= dataBytes, at)
    this.#moveBy(FRAME_HEADER_BYTES + padded(bytes), at)
    this.#heldUnits = 1
    if (kind === ElementKind.DATA) return this.#readData(at, flags, bytes)
    this.#check(bytes === controlBytes(kind), at)
    return this.#memory.readControl(at)
  }

  #readData(at: number, flags: number, payloadBytes: number): ChannelElement | undefined {
    const word = at >> 2
    const records = this.#memory.dataWords[word + 2]!
    const totalOrOffset = this.#memory.dataWords[word + 3]! >>> 0
    const first = (flags & FLAG_FIRST) !== 0
    const last = (flags & FLAG_LAST) !== 0
    this.#check(flags <= (FLAG_FIRST | FLAG_LAST) && records > 0 && first === (this.#assembly === undefined), at)
    const payloadAt = at + FRAME_HEADER_BYTES
    if (first && last) {
      this.#check(totalOrOffset === payloadBytes, at)
      return this.#deliver(this.#codec.read(this.#memory.cursorAt(payloadAt, payloadBytes)), records, at)
    }

    if (first) {
      this.#check(totalOrOffset > payloadBytes, at)
      this.#assembly = { bytes: new Uint8Array(totalOrOffset), records, receivedBytes: 0 }
    }
    const assembly = this.#assembly!
    const { bytes, receivedBytes } = assembly
    this.#check((first || totalOrOffset === receivedBytes) && records === assembly.records, at)
    this.#check(receivedBytes + payloadBytes <= bytes.length, at)
    bytes.set(this.#memory.data.subarray(payloadAt, payloadAt + payloadBytes), receivedBytes)
    assembly.receivedBytes += payloadBytes
    this.#check(last === (assembly.receivedBytes === bytes.length), at)
    // Copied out: the sender may have the room. The credit stays with us until the batch is released.
    Atomics.store(this.#memory.words, Word.RELEASED, this.#cursor)
    this.#senderBell.ring()
    if (!last) return undefined
    this.#assembly = undefined
    return this.#deliver(this.#codec.decode(bytes), records, at)
  }

  #deliver(batch: RecordBatch, records: number, at: number): ChannelElement {
    this.#check(batch.size === records, at)
    this.#heldUnits = records
    return { kind: ElementKind.DATA, batch }
  }

  #moveBy(bytes: number, at: number): void {
    this.#check(bytes <= ((this.#publishedSeen - this.#cursor) | 0), at)
    this.#cursor = (this.#cursor + bytes) | 0
  }

  #check(sound: boolean, at: number): void {
    if (sound) return
    const head = Array.from(this.#memory.dataWords.subarray(at >> 2, (at >> 2) + 4))
    invariant(
      false,
      `a ring of ${this.#memory.dataBytes} bytes holds an impossible frame at ${at} (cursor ${this.#cursor}, published ${this.#publishedSeen}, header ${head.join(" ")})`,
    )
  }
}
