/** What travels: record batches, control elements, and the codecs that turn values into bytes. Leans on errors/ alone. Read element.ts first. */
export { BatchCodec } from "./batch-codec.ts"
export { ByteCursor, cursorOver, scratchOf } from "./byte-cursor.ts"
export { newCells, newNumbers } from "./cells.ts"
export { copyPlain, NOT_COPIED } from "./copy-plain.ts"
export {
  type BarrierElement,
  type ChannelElement,
  type ControlElement,
  type DataElement,
  ElementKind,
  END,
  type EndElement,
  IDLE,
  type IdleElement,
  type WatermarkElement,
} from "./element.ts"
export { MsgpackCodec } from "./msgpack-codec.ts"
export { findUnserializable, type Unserializable } from "./plainness.ts"
export { NO_TIME, RecordBatch } from "./record-batch.ts"
export { RecordCodec } from "./record-codec.ts"
export { TravelCheck } from "./travel-check.ts"
export type { ValueCodec } from "./value-codec.ts"
