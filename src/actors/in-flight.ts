import { type QueuedElement, unitsOf } from "../mailbox/index.ts"
import type { Exchange } from "../plan/index.ts"
import { BatchCodec, ElementKind, MsgpackCodec, RecordCodec } from "../records/index.ts"
import type { BlockInput } from "../snapshot/store/index.ts"

/** A channel as a later run of the job can find it again: by operators, not by numbers of a plan. Plain data. */
export interface ChannelPlace {
  /** The receiving vertex's id. */
  readonly consumer: string
  /** Which of the edges that lead there: the sending operator, its output, and a number among edges alike in both. */
  readonly edge: string
  readonly from: number
  readonly to: number
  readonly senders: number
  readonly receivers: number
  readonly exchange: Exchange
}

/** Which end of a channel saved a block, and what. Part of the format: docs/formats/checkpoint.md. */
export const InFlightKind = {
  /** One row [position]: how far the receiver had got when it captured. */
  STATE: 0,
  /** What the receiver had not taken, or not delivered. */
  QUEUE: 1,
  /** What the sender had not handed over. */
  REST: 2,
  /** What a restore had brought back and was not delivered. Its places are those of the list, from 0. */
  RESTORED: 3,
} as const
export type InFlightKind = (typeof InFlightKind)[keyof typeof InFlightKind]

/** First row of a block. */
export type InFlightHead = readonly [
  kind: InFlightKind,
  from: number,
  to: number,
  senders: number,
  receivers: number,
  exchange: Exchange,
  /** How many restores it has waited through: the oldest is delivered first. */
  age: number,
]

/** A further row: where the element begins, its ElementKind, and a batch as BatchCodec has it, a watermark, or nothing. */
export type InFlightRow = readonly [position: number, kind: ElementKind, content: Uint8Array | number | null]

/** Something that saves records in flight while the job goes on. */
export interface InFlightSource {
  /** Copies some more: a bounded amount. @returns true when it did something */
  step(): boolean
  /** All is copied. Blocks may be left to take. */
  readonly done: boolean
  /** What was copied since the last call. */
  takeBlocks(): readonly BlockInput[]
  /** The checkpoint is off: nothing more is copied. */
  cancel(): void
}

/** Encoded content of one block: more begins the next. */
const BLOCK_BYTES = 256 * 1024

/** Gathers what one end saves of one channel into blocks. */
export class InFlightRows {
  readonly #place: ChannelPlace
  readonly #head: InFlightHead
  readonly #codec: BatchCodec = new BatchCodec(new RecordCodec())
  #rows: InFlightRow[] = []
  #rowsRecords = 0
  #rowsBytes = 0
  #blocks: BlockInput[] = []
  /** Records added so far. */
  records = 0

  constructor(place: ChannelPlace, kind: InFlightKind, age = 0) {
    this.#place = place
    const { from, to, senders, receivers, exchange } = place
    this.#head = [kind, from, to, senders, receivers, exchange, age]
  }

  /** Bytes gathered and not yet taken. */
  get bytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.bytes.length, this.#rowsBytes)
  }

  /** Adds an element that begins at this place. Barriers and ends keep their place, so that no gap shows, and mean nothing. */
  add(position: number, element: QueuedElement): void {
    if (element.kind !== ElementKind.DATA) {
      this.#push([position, element.kind, element.kind === ElementKind.WATERMARK ? element.timeMs : null], 0, 24)
      return
    }
    const { content, records } = element
    const bytes = content instanceof Uint8Array ? content : this.#codec.encode(content)
    this.#push([position, element.kind, bytes], records, bytes.length)
  }

  /** The row of an InFlightKind.STATE. */
  addState(position: number): void {
    this.#rows.push([position] as unknown as InFlightRow)
  }

  takeBlocks(): readonly BlockInput[] {
    this.#close()
    const blocks = this.#blocks
    this.#blocks = []
    return blocks
  }

  #push(row: InFlightRow, records: number, bytes: number): void {
    this.#rows.push(row)
    this.records += records
    this.#rowsRecords += records
    this.#rowsBytes += bytes
    if (this.#rowsBytes >= BLOCK_BYTES) this.#close()
  }

  #close(): void {
    if (this.#rows.length === 0) return
    this.#blocks.push({
      operatorId: this.#place.consumer,
      table: this.#place.edge,
      keyGroup: undefined,
      entries: this.#rowsRecords,
      bytes: new MsgpackCodec().encode([this.#head, ...this.#rows]).slice(),
      kind: "channel",
    })
    this.#rows = []
    this.#rowsRecords = 0
    this.#rowsBytes = 0
  }
}

/** Decodes a block. */
export function decodeInFlight(bytes: Uint8Array): {
  readonly head: InFlightHead
  readonly rows: readonly InFlightRow[]
} {
  const [head, ...rows] = new MsgpackCodec().decode(bytes) as [InFlightHead, ...InFlightRow[]]
  return { head, rows }
}

/** Elements copied per step: a batch each, so some hundred microseconds. */
const ELEMENTS_PER_STEP = 4

/**
 * Saves what a sender had not handed to its channel when it captured. What is about to be handed over, and so to
 * belong to the receiver, is copied first: `copyUpTo`.
 */
export class RestCapture implements InFlightSource {
  readonly #rows: InFlightRows
  readonly #elements: readonly QueuedElement[]
  #next = 0
  #position: number
  /** Records among the elements. */
  readonly records: number

  /** @param position where the first element will begin */
  constructor(place: ChannelPlace, position: number, elements: readonly QueuedElement[]) {
    this.#rows = new InFlightRows(place, InFlightKind.REST)
    this.#elements = elements
    this.#position = position
    this.records = elements.reduce((sum, each) => sum + (each.kind === ElementKind.DATA ? each.records : 0), 0)
  }

  get done(): boolean {
    return this.#next >= this.#elements.length
  }

  step(): boolean {
    if (this.done) return false
    this.copyUpTo(this.#next + ELEMENTS_PER_STEP)
    return true
  }

  /** Makes sure that so many of the elements are copied, or all. */
  copyUpTo(count: number): void {
    for (; this.#next < Math.min(count, this.#elements.length); this.#next++) {
      const element = this.#elements[this.#next]!
      this.#rows.add(this.#position, element)
      this.#position += unitsOf(element)
    }
  }

  takeBlocks(): readonly BlockInput[] {
    return this.#rows.takeBlocks()
  }

  cancel(): void {
    this.#next = this.#elements.length
  }
}
