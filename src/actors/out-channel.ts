import { EngineError } from "../errors/index.ts"
import type { ChannelSender, QueuedElement } from "../mailbox/index.ts"
import {
  type BarrierElement,
  type ControlElement,
  ElementKind,
  findUnserializable,
  newCells,
  newNumbers,
  RecordBatch,
  TravelCheck,
} from "../records/index.ts"
import { type ChannelPlace, RestCapture } from "./in-flight.ts"
import { operatorFailure } from "./operator-failure.ts"
import type { Pressure } from "./pressure.ts"

const NO_WATERMARK = Number.NEGATIVE_INFINITY

export interface OutChannelOptions {
  /** Whether to look for values that could not go to another thread: on same-thread edges, where no codec does. */
  readonly checksRecords: boolean
  /** Whose records these are: named in errors. */
  readonly producer: { readonly operatorId: string; readonly subtask: number }
  /** Needed where barriers may overtake: what this channel is, for whoever restores what was in flight. */
  readonly place?: ChannelPlace
}

/**
 * The sender's side of one channel: gathers records into batches, keeps what the channel refused, and keeps control
 * elements in their place.
 *
 * - Records are always taken; while something is refused, the subtask's pressure says so and takes no new input.
 * - A batch leaves when it is full, or at the end of a step when the receiver has nothing to do (`flush`): so batches
 *   grow under load and shrink to one record when idle, without a linger.
 * - A watermark waits behind the open batch and is replaced by a newer one; it takes the later place, and it never
 *   crosses a barrier (laws FIFO-2, RING-7).
 */
export class OutChannel {
  readonly #sender: ChannelSender
  readonly #pressure: Pressure
  readonly #travelCheck: TravelCheck | undefined
  readonly #producer: OutChannelOptions["producer"]
  /** Has room for as many records as the batch before it had. */
  #open = new RecordBatch(newCells(), newNumbers(), newNumbers())
  #openRecords = 0
  #openLimit: number
  /** Behind the open batch. */
  #watermarkMs = NO_WATERMARK
  /** Refused so far, in order. */
  readonly #backlog: (RecordBatch | ControlElement)[] = []
  #blocked = false
  readonly #place: ChannelPlace | undefined
  /** What a barrier overtook here, while it is being copied; and how many of its elements have been handed over. */
  #rest: RestCapture | undefined
  #restHandedOver = 0
  /** Records taken since the start. */
  recordsTaken = 0

  constructor(sender: ChannelSender, pressure: Pressure, options: OutChannelOptions) {
    this.#sender = sender
    this.#pressure = pressure
    this.#travelCheck = options.checksRecords ? new TravelCheck() : undefined
    this.#producer = options.producer
    this.#place = options.place
    this.#openLimit = sender.preferredBatchSize
  }

  append(value: unknown, timeMs: number): void {
    const open = this.#open
    const at = this.#openRecords++
    open.values[at] = value
    open.times[at] = timeMs
    if (at + 1 >= this.#openLimit) this.#seal()
  }

  appendKeyed(value: unknown, timeMs: number, keyHash: number): void {
    const open = this.#open
    const at = this.#openRecords++
    open.values[at] = value
    open.times[at] = timeMs
    open.keyHashes[at] = keyHash
    if (at + 1 >= this.#openLimit) this.#seal()
  }

  watermark(timeMs: number): void {
    this.#watermarkMs = timeMs
  }

  /** A barrier, idleness or the end: goes behind everything taken so far. */
  mark(element: ControlElement): void {
    this.#seal()
    this.#send(element)
  }

  /**
   * As `mark`, for a barrier that overtakes: announces it at once, and saves what has not been handed over.
   * @returns what copies that; undefined when there is nothing
   */
  overtake(barrier: BarrierElement): RestCapture | undefined {
    this.#seal()
    const { position, unsent } = this.#sender
    const elements: QueuedElement[] = unsent === undefined ? [] : [unsent]
    for (const element of this.#backlog) {
      if (element instanceof RecordBatch) {
        elements.push({ kind: ElementKind.DATA, records: element.size, content: element })
      } else elements.push(element)
    }
    // Before anything more is handed over: what comes behind the announced position is ours to save.
    this.#sender.announce(barrier)
    this.#rest = elements.length === 0 ? undefined : new RestCapture(this.#place!, position, elements)
    this.#restHandedOver = unsent === undefined ? 0 : 1
    this.#send(barrier)
    return this.#rest
  }

  /**
   * Hands on what can go. @param everything also a batch that is not full although the receiver is still busy
   * @returns true when something moved
   */
  flush(everything: boolean): boolean {
    this.#sender.flush()
    const moved = this.#blocked ? this.#drainBacklog() : false
    if (this.#blocked || !this.#hasOpen()) return moved
    if (!everything && this.#sender.inFlightRecords > 0) return moved
    this.#seal()
    return true
  }

  /** True when the receiver has taken and released everything. */
  get drained(): boolean {
    return !this.#blocked && !this.#hasOpen() && this.#sender.flush() && this.#sender.inFlightRecords === 0
  }

  /** It has refused something that still waits. */
  get full(): boolean {
    return this.#blocked
  }

  get inFlightRecords(): number {
    return this.#sender.inFlightRecords
  }

  get capacityRecords(): number {
    return this.#sender.capacityRecords
  }

  #hasOpen(): boolean {
    return this.#openRecords > 0 || this.#watermarkMs !== NO_WATERMARK
  }

  /** Sends the open batch, then the watermark that waits behind it. */
  #seal(): void {
    if (this.#openRecords > 0) {
      const batch = this.#takeOpen()
      this.recordsTaken += batch.size
      if (this.#travelCheck !== undefined) this.#check(batch, this.#travelCheck)
      this.#send(batch)
      this.#openLimit = this.#sender.preferredBatchSize
    }
    if (this.#watermarkMs !== NO_WATERMARK) {
      const element: ControlElement = { kind: ElementKind.WATERMARK, timeMs: this.#watermarkMs }
      this.#watermarkMs = NO_WATERMARK
      this.#send(element)
    }
  }

  #takeOpen(): RecordBatch {
    const batch = this.#open
    const records = this.#openRecords
    const keyed = batch.keyHashes.length > 0
    if (batch.size > records) {
      batch.values.length = records
      batch.times.length = records
      if (keyed) batch.keyHashes.length = records
    }
    // Growing a column by and by costs as much as filling it.
    this.#open = new RecordBatch(newCells(records), newNumbers(records), newNumbers(keyed ? records : 0))
    this.#openRecords = 0
    return batch
  }

  #send(element: RecordBatch | ControlElement): void {
    if (!this.#blocked && this.#offer(element)) return
    if (!(element instanceof RecordBatch) && element.kind === ElementKind.WATERMARK) this.#dropOlderWatermark()
    this.#backlog.push(element)
    if (element instanceof RecordBatch) this.#pressure.overflowed(element.size)
    if (!this.#blocked) {
      this.#blocked = true
      this.#pressure.channelFilled()
    }
  }

  #offer(element: RecordBatch | ControlElement): boolean {
    if (!(element instanceof RecordBatch)) return this.#sender.offerControl(element)
    try {
      return this.#sender.offerData(element)
    } catch (error) {
      throw operatorFailure(error, this.#producer.operatorId, this.#producer.subtask)
    }
  }

  /** The newest watermark takes the later place; one that waits behind the same barrier is forgotten. */
  #dropOlderWatermark(): void {
    for (let index = this.#backlog.length - 1; index >= 0; index--) {
      const element = this.#backlog[index]!
      if (element instanceof RecordBatch) continue
      if (element.kind === ElementKind.BARRIER) return
      if (element.kind === ElementKind.WATERMARK) {
        this.#backlog.splice(index, 1)
        return
      }
    }
  }

  #drainBacklog(): boolean {
    let sent = 0
    while (sent < this.#backlog.length && this.#offerBacklog(this.#backlog[sent]!)) sent += 1
    if (sent > 0) this.#backlog.splice(0, sent)
    if (this.#backlog.length === 0) {
      this.#blocked = false
      this.#pressure.channelDrained()
    }
    return sent > 0
  }

  #offerBacklog(element: RecordBatch | ControlElement): boolean {
    const rest = this.#rest
    if (rest === undefined) return this.#offer(element)
    if (rest.done) {
      this.#rest = undefined
      return this.#offer(element)
    }
    // Once handed over its records are the receiver's, who may change them.
    rest.copyUpTo(this.#restHandedOver + 1)
    if (!this.#offer(element)) return false
    this.#restHandedOver += 1
    return true
  }

  #check({ values }: RecordBatch, travelCheck: TravelCheck): void {
    const refused = travelCheck.firstRefused(values)
    if (refused === -1) return
    const { operatorId, subtask } = this.#producer
    throw operatorFailure(notSerializable(findUnserializable(values[refused])!), operatorId, subtask)
  }
}

/** The same refusal as the codec's, so that results do not depend on where subtasks happen to live. */
function notSerializable(found: { readonly path: string; readonly reason: string }): EngineError {
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a record for another thread: ${found.path === "" ? "the record" : `field "${found.path}"`} is ${found.reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects), or keep the value inside one operator`,
    { details: { path: found.path } },
  )
}
