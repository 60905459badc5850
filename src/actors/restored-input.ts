import type { QueuedElement } from "../mailbox/index.ts"
import { ElementKind } from "../records/index.ts"
import type { ChannelPlace } from "./in-flight.ts"

/** What was in flight on one former channel, to be delivered before anything new. */
export class RestoredQueue {
  readonly place: ChannelPlace
  /** How many restores it had waited through before this one. */
  readonly age: number
  /** The input channel in whose counts it is. */
  readonly account: number
  /** Where they were judged late: the receiver's watermark is brought there first. -Infinity: nowhere. Event-time ms. */
  readonly watermarkMs: number
  readonly #elements: readonly QueuedElement[]
  #next: number
  /** Records that wait. */
  records: number

  constructor(
    place: ChannelPlace,
    options: {
      readonly age: number
      readonly account: number
      readonly watermarkMs: number
      readonly elements: readonly QueuedElement[]
    },
  ) {
    this.place = place
    this.age = options.age
    this.account = options.account
    this.watermarkMs = options.watermarkMs
    this.#elements = options.elements
    this.#next = 0
    this.records = 0
    for (const element of this.#elements) if (element.kind === ElementKind.DATA) this.records += element.records
  }

  shift(): QueuedElement | undefined {
    const element = this.#elements[this.#next]
    if (element === undefined) return undefined
    this.#next += 1
    if (element.kind === ElementKind.DATA) this.records -= element.records
    return element
  }

  /** What is left, with `first` ahead of it: a batch that was begun. */
  rest(first: QueuedElement | undefined): RestoredQueue {
    const left = this.#elements.slice(this.#next)
    return new RestoredQueue(this.place, {
      age: this.age,
      account: this.account,
      watermarkMs: this.watermarkMs,
      elements: first === undefined ? left : [first, ...left],
    })
  }
}
