import type { ChannelElement, ControlElement, RecordBatch } from "../records/index.ts"

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
}

/** Wakes the worker on which the other end of a channel lives. Cheap when that worker is awake. */
export interface Doorbell {
  ring(): void
}
