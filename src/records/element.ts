import type { RecordBatch } from "./record-batch.ts"

/**
 * What travels in a channel, in order: data batches and control elements.
 * The numbers are part of the wire format of the ring (mailbox/layout.ts).
 */
export const ElementKind = {
  /** A batch of records. Costs one credit per record. */
  DATA: 1,
  /** No record with an event time <= timeMs follows that is on time. A newer one may replace one that waits. */
  WATERMARK: 2,
  /** The sender has no input at the moment: its watermark no longer holds the minimum back, until data or a watermark follows. */
  IDLE: 3,
  /** The checkpoint's mark. Never replaced, never overtaken by a watermark. */
  BARRIER: 4,
  /** Nothing follows. */
  END: 5,
} as const
export type ElementKind = (typeof ElementKind)[keyof typeof ElementKind]

export interface DataElement {
  readonly kind: typeof ElementKind.DATA
  readonly batch: RecordBatch
}
export interface WatermarkElement {
  readonly kind: typeof ElementKind.WATERMARK
  readonly timeMs: number
}
export interface IdleElement {
  readonly kind: typeof ElementKind.IDLE
}
export interface BarrierElement {
  readonly kind: typeof ElementKind.BARRIER
  readonly checkpointId: number
  /** When the coordinator asked for the checkpoint: wall-clock ms. The alignment timeout counts from here. */
  readonly bornMs: number
  /** True for a checkpoint that must not save records in flight: it is never announced. */
  readonly aligned?: boolean
}
export interface EndElement {
  readonly kind: typeof ElementKind.END
}
export type ControlElement = WatermarkElement | IdleElement | BarrierElement | EndElement
export type ChannelElement = DataElement | ControlElement

export const IDLE: IdleElement = { kind: ElementKind.IDLE }
export const END: EndElement = { kind: ElementKind.END }
