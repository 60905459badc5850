import { type ChannelElement, type ControlElement, ElementKind, type RecordBatch } from "../records/index.ts"

/**
 * Places in a channel are counted in units since its start: a record is one, and so is a control element of any kind. Both
 * ends count alike, so a place means the same to both.
 */
export function unitsOf(element: ChannelElement | QueuedElement): number {
  if (element.kind !== ElementKind.DATA) return 1
  return "batch" in element ? element.batch.size : element.records
}

/** A barrier that was announced beside the queue, before it is in the queue, or at least before it is taken from it. */
export interface Announcement {
  readonly checkpointId: number
  readonly bornMs: number
  /**
   * Where the channel stood when the sender captured, in units: what is before this is in the channel, whole, and the
   * receiver's to save; what comes behind it up to the barrier the sender has saved.
   */
  readonly position: number
}

/** Data that is on its way: as bytes of `BatchCodec` where it was encoded already. */
export interface QueuedData {
  readonly kind: typeof ElementKind.DATA
  readonly records: number
  readonly content: RecordBatch | Uint8Array
}
export type QueuedElement = QueuedData | ControlElement

/** Looks through what is queued without taking it. Good until something is polled. */
export interface ChannelPeek {
  /** The next element that is there as a whole; undefined when there is none. Bytes are a copy; a batch is the queue's own. */
  next(): QueuedElement | undefined
}

/**
 * The sending end of one channel: one sender subtask to one receiver subtask. Two implementations with one behaviour
 * suite: the ring over shared memory (other thread) and the local twin (same thread).
 *
 * Promises
 * - FIFO over all elements; nothing is reordered, dropped or duplicated.
 * - Never blocks. A refused offer changed nothing: offer the same element again later, before any other.
 * - Data is bounded by credits (records) and, in the ring, by bytes. A batch larger than all credits passes when nothing is in flight.
 * - Control needs no credit: there is always room for at least two barriers, an end and one watermark beside full data.
 *   A watermark or idle is refused only while several of its like already wait in the channel.
 */
export interface ChannelSender {
  /** @returns false when the batch's records exceed the free credit, or an earlier record is still being sent in fragments */
  offerData(batch: RecordBatch): boolean
  /** @returns false when the control lane is full (watermark, idle), or an earlier record is still being sent in fragments */
  offerControl(element: ControlElement): boolean
  /** Goes on sending a batch that did not fit in one piece. @returns true when nothing of it is left */
  flush(): boolean
  /**
   * Tells the receiver of a barrier at once, whatever is queued: one store beside the queue, and its bell. Replaces the one
   * announced before. The barrier itself is offered as well, and in its place.
   */
  announce(barrier: { readonly checkpointId: number; readonly bornMs: number }): void
  /** Units that are in the channel as a whole, since its start: without what is `unsent`. */
  readonly position: number
  /** An accepted batch that is not in the channel as a whole: waits for room, or is being sent in fragments. */
  readonly unsent: QueuedData | undefined
  /** Records offered and not yet released by the receiver. Never above `capacityRecords`, but for one oversized batch alone. */
  readonly inFlightRecords: number
  readonly capacityRecords: number
  /** How many records one batch should hold at most: shrinks when records are large. At least 1. */
  readonly preferredBatchSize: number
  /** Payload bytes written so far; 0 for the local twin. */
  readonly bytesSent: number
}

/** The receiving end of one channel. */
export interface ChannelReceiver {
  /**
   * The next element in order, or undefined when none is complete. An element taken is held until `release`:
   * polling again before releasing is a broken invariant.
   */
  poll(): ChannelElement | undefined
  /** Gives back the credit and the memory of the element last polled. Call it once its last record is consumed. */
  release(): void
  /** Whether `poll` might answer an element now. May be true for a record of which only fragments are there. */
  readonly ready: boolean
  /**
   * The barrier announced last. Costs one load. An element polled before the look that comes behind the announcement's
   * position means that the look sees the announcement: the sender announces first. Unless the sender is replacing it at
   * that moment: then the look sees the one before, and the newer one rings.
   */
  readonly announcement: Announcement | undefined
  /** Units polled since the start. */
  readonly position: number
  /** Looks through what is queued behind the element last polled. */
  peek(): ChannelPeek
}

/** Wakes the worker on which the other end of a channel lives. Cheap when that worker is awake. */
export interface Doorbell {
  ring(): void
}
