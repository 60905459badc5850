import { invariant } from "../errors/index.ts"
import { type ChannelElement, type ControlElement, ElementKind, type RecordBatch } from "../records/index.ts"
import { preferredRecords } from "./_batch-size.ts"
import { type Announcement, type ChannelPeek, type ChannelReceiver, type ChannelSender, unitsOf } from "./channel.ts"
import { CONTROL_BOUND } from "./layout.ts"

export interface LocalChannelOptions {
  /** Records in flight at most: integer >= 1. */
  readonly capacityRecords: number
  /** Called after each element offered. */
  readonly wakeReceiver: () => void
  /** Called after each element released. */
  readonly wakeSender: () => void
}

export interface LocalChannel {
  readonly sender: ChannelSender
  readonly receiver: ChannelReceiver
}

/**
 * A channel between two actors of one thread: the contract of the ring, without bytes.
 * A batch is passed by reference and belongs to the receiver from the offer on: the sender no longer writes to it.
 */
export function createLocalChannel(options: LocalChannelOptions): LocalChannel {
  const queue = new LocalQueue(options.capacityRecords)
  return {
    sender: new LocalSender(queue, options.wakeReceiver),
    receiver: new LocalReceiver(queue, options.wakeSender),
  }
}

interface Waiting {
  readonly element: ChannelElement
  /** Counted at the offer: the batch belongs to the receiver, who may shorten it. */
  readonly units: number
}

/** What both ends share: the elements that wait, and what is in flight (waiting or held) of each kind. */
class LocalQueue {
  readonly capacityRecords: number
  readonly waiting = new Fifo<Waiting>()
  readonly inFlight: number[] = [0, 0, 0, 0, 0, 0]
  announcement: Announcement | undefined

  constructor(capacityRecords: number) {
    invariant(Number.isInteger(capacityRecords) && capacityRecords >= 1, `a channel of ${capacityRecords} records`)
    this.capacityRecords = capacityRecords
  }

  put(element: ChannelElement): void {
    const units = unitsOf(element)
    this.inFlight[element.kind]! += units
    this.waiting.push({ element, units })
  }

  giveBack({ element, units }: Waiting): void {
    this.inFlight[element.kind]! -= units
  }
}

class LocalSender implements ChannelSender {
  readonly #queue: LocalQueue
  readonly #wakeReceiver: () => void
  #ended = false
  readonly bytesSent = 0
  position = 0
  readonly unsent = undefined

  constructor(queue: LocalQueue, wakeReceiver: () => void) {
    this.#queue = queue
    this.#wakeReceiver = wakeReceiver
  }

  offerData(batch: RecordBatch): boolean {
    invariant(!this.#ended, "data was offered after the end")
    if (batch.size === 0) return true
    const inFlight = this.inFlightRecords
    if (inFlight > 0 && inFlight + batch.size > this.#queue.capacityRecords) return false
    this.#put({ kind: ElementKind.DATA, batch })
    return true
  }

  offerControl(element: ControlElement): boolean {
    invariant(!this.#ended, "an element was offered after the end")
    if (this.#queue.inFlight[element.kind]! >= CONTROL_BOUND[element.kind]!) return false
    this.#ended = element.kind === ElementKind.END
    this.#put(element)
    return true
  }

  flush(): boolean {
    return true
  }

  announce({ checkpointId, bornMs }: { readonly checkpointId: number; readonly bornMs: number }): void {
    this.#queue.announcement = { checkpointId, bornMs, position: this.position }
    this.#wakeReceiver()
  }

  get inFlightRecords(): number {
    return this.#queue.inFlight[ElementKind.DATA]!
  }

  get capacityRecords(): number {
    return this.#queue.capacityRecords
  }

  get preferredBatchSize(): number {
    return preferredRecords(this.#queue.capacityRecords)
  }

  #put(element: ChannelElement): void {
    this.position += unitsOf(element)
    this.#queue.put(element)
    this.#wakeReceiver()
  }
}

class LocalReceiver implements ChannelReceiver {
  readonly #queue: LocalQueue
  readonly #wakeSender: () => void
  #held: Waiting | undefined
  position = 0

  constructor(queue: LocalQueue, wakeSender: () => void) {
    this.#queue = queue
    this.#wakeSender = wakeSender
  }

  poll(): ChannelElement | undefined {
    invariant(this.#held === undefined, "a channel was polled before the element last polled was released")
    this.#held = this.#queue.waiting.shift()
    this.position += this.#held?.units ?? 0
    return this.#held?.element
  }

  release(): void {
    invariant(this.#held !== undefined, "a channel was released while no element was held")
    this.#queue.giveBack(this.#held)
    this.#held = undefined
    this.#wakeSender()
  }

  get ready(): boolean {
    return this.#queue.waiting.length > 0
  }

  get announcement(): Announcement | undefined {
    return this.#queue.announcement
  }

  peek(): ChannelPeek {
    const { waiting } = this.#queue
    let index = 0
    return {
      next() {
        const element = waiting.at(index)?.element
        if (element === undefined) return undefined
        index += 1
        if (element.kind !== ElementKind.DATA) return element
        return { kind: element.kind, records: element.batch.size, content: element.batch }
      },
    }
  }
}

/** An array queue whose shift is O(1) amortized: Array.shift moves everything. */
class Fifo<T> {
  #items: (T | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  /** The item that so many calls of shift would pass over. */
  at(index: number): T | undefined {
    return this.#items[this.#first + index]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.#first === this.#items.length) return undefined
    const item = this.#items[this.#first]
    this.#items[this.#first++] = undefined
    if (this.#first === this.#items.length) {
      this.#items.length = 0
      this.#first = 0
    } else if (this.#first >= 64 && this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}
