import { type ChannelPeek, type ChannelReceiver, type QueuedElement, unitsOf } from "../mailbox/index.ts"
import { ElementKind } from "../records/index.ts"
import type { BlockInput } from "../snapshot/store/index.ts"
import { type ChannelPlace, InFlightKind, InFlightRows, type InFlightSource } from "./in-flight.ts"
import type { RestoredQueue } from "./restored-input.ts"

/** How far a range has been copied. */
const Phase = {
  /** Where it ends is not known: what is taken from the channel is copied first. */
  OPEN: "open",
  /** It ends in the queue: what is queued is copied, and nothing is taken until that is done (UC-2). */
  COPYING: "copying",
  /** All of it is copied. */
  DONE: "done",
} as const
type Phase = (typeof Phase)[keyof typeof Phase]

interface Range {
  readonly channel: number
  readonly rows: InFlightRows
  phase: Phase
  /** Copied up to here. */
  position: number
  /** Where the sender's announcement says that it ends; undefined while unknown. */
  end: number | undefined
  peek: ChannelPeek | undefined
}

/** One input channel as it stood at the capture. */
export interface CapturedChannel {
  readonly place: ChannelPlace
  readonly receiver: ChannelReceiver
  readonly ended: boolean
  /** Units delivered. */
  readonly position: number
  /** What was polled and not delivered. */
  readonly held: QueuedElement | undefined
}

export interface GateCaptureOptions {
  readonly checkpointId: number
  readonly channels: readonly CapturedChannel[]
  /** Channels whose records in flight belong to the checkpoint. */
  readonly toSave: readonly number[]
  /** What a restore brought back and was not delivered. */
  readonly restored: readonly RestoredQueue[]
}

/** Elements copied per step: a batch each. */
const ELEMENTS_PER_STEP = 8
/** Copied bytes that may wait to be taken: beyond, channels whose range has no end yet are not read on. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/**
 * What of a gate's channels belongs to one checkpoint: from the capture until the ranges in flight are copied.
 *
 * A range begins behind the last record delivered. It ends where the sender announced its barrier: what follows, up to the
 * barrier in the queue, the sender has saved itself. Both ends count units alike, so each element is saved by one of them.
 */
export class GateCapture implements InFlightSource {
  readonly checkpointId: number
  readonly #channels: readonly CapturedChannel[]
  /** By channel. */
  readonly #ranges: (Range | undefined)[]
  readonly #blocks: BlockInput[] = []
  readonly #restored: { readonly queue: RestoredQueue; readonly rows: InFlightRows }[]
  readonly #saved: number[]

  constructor({ checkpointId, channels, toSave, restored }: GateCaptureOptions) {
    this.checkpointId = checkpointId
    this.#channels = channels
    this.#saved = channels.map(() => 0)
    this.#ranges = channels.map(({ place, position, held, ended }, channel) => {
      if (!toSave.includes(channel)) return undefined
      const range: Range = {
        channel,
        rows: new InFlightRows(place, InFlightKind.QUEUE),
        phase: ended ? Phase.DONE : Phase.OPEN,
        position,
        end: undefined,
        peek: undefined,
      }
      this.#learnEnd(range)
      // A barrier that aligned for a while: what is held may be from behind the announcement, and then its sender saved it.
      if (held !== undefined && (range.end === undefined || position < range.end)) this.#copy(range, held)
      return range
    })
    for (const { place, ended, position } of channels) {
      if (ended) continue
      const rows = new InFlightRows(place, InFlightKind.STATE)
      rows.addState(position)
      this.#blocks.push(...rows.takeBlocks())
    }
    this.#restored = restored.map((queue) => {
      this.#saved[queue.account]! += queue.records
      const rows = new InFlightRows(queue.place, InFlightKind.RESTORED, queue.age + 1)
      const timeMs = queue.watermarkMs
      if (timeMs > Number.NEGATIVE_INFINITY) rows.add(0, { kind: ElementKind.WATERMARK, timeMs })
      return { queue, rows }
    })
  }

  /** Records saved so far, by channel. */
  get saved(): readonly number[] {
    return this.#saved
  }

  get done(): boolean {
    return (
      this.#restored.length === 0 && this.#ranges.every((range) => range === undefined || range.phase === Phase.DONE)
    )
  }

  /** Whether the gate may take from this channel now. */
  mayRead(channel: number): boolean {
    const range = this.#ranges[channel]
    if (range === undefined || range.phase === Phase.DONE) return true
    return range.phase === Phase.OPEN && range.rows.bytes < MAX_WAITING_BYTES
  }

  /** An element was polled, and nothing of it has been delivered. */
  polled(channel: number, element: QueuedElement): void {
    const range = this.#ranges[channel]
    if (range === undefined || range.phase !== Phase.OPEN) return
    this.#learnEnd(range)
    // Whoever sees an element from behind the announcement sees the announcement.
    if (range.end === undefined || range.position < range.end) this.#copy(range, element)
    this.#settle(range)
  }

  /** The range ends: at the announcement, else with what was polled last. */
  end(channel: number): void {
    const range = this.#ranges[channel]
    if (range === undefined || range.phase !== Phase.OPEN) return
    this.#learnEnd(range)
    if (range.end === undefined) range.phase = Phase.DONE
    else this.#settle(range)
  }

  step(): boolean {
    const waiting = this.#restored[0]
    if (waiting !== undefined) {
      for (let count = 0; count < ELEMENTS_PER_STEP; count++) {
        const element = waiting.queue.shift()
        if (element === undefined) {
          this.#blocks.push(...waiting.rows.takeBlocks())
          this.#restored.shift()
          break
        }
        waiting.rows.add(0, element)
      }
      return true
    }
    const range = this.#ranges.find((each) => each?.phase === Phase.COPYING)
    if (range === undefined) return false
    for (let count = 0; count < ELEMENTS_PER_STEP && range.position < range.end!; count++) {
      this.#copy(range, range.peek!.next()!)
    }
    this.#settle(range)
    return true
  }

  takeBlocks(): readonly BlockInput[] {
    const blocks = this.#blocks.splice(0)
    for (const range of this.#ranges) if (range !== undefined) blocks.push(...range.rows.takeBlocks())
    return blocks
  }

  cancel(): void {
    for (const range of this.#ranges) if (range !== undefined) range.phase = Phase.DONE
    this.#restored.length = 0
  }

  #copy(range: Range, element: QueuedElement): void {
    range.rows.add(range.position, element)
    range.position += unitsOf(element)
    if (element.kind === ElementKind.DATA) this.#saved[range.channel]! += element.records
  }

  #learnEnd(range: Range): void {
    const { announcement } = this.#channels[range.channel]!.receiver
    if (announcement?.checkpointId === this.checkpointId) range.end = announcement.position
  }

  #settle(range: Range): void {
    if (range.end === undefined) return
    if (range.position >= range.end) range.phase = Phase.DONE
    else {
      range.phase = Phase.COPYING
      range.peek ??= this.#channels[range.channel]!.receiver.peek()
    }
  }
}
