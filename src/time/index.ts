/**
 * Event time: watermarks of splits and their merging, timers, durations. Pure: every clock is an argument.
 * Promises that no combined watermark goes back and that a timer fires once and in order. Leans on errors/ alone.
 * Read watermark-merger.ts first.
 */
export { HOLDS_NOBODY, mustWait, slowestOf } from "./alignment.ts"
export { type Duration, type DurationUnit, durationMs, signedDurationMs } from "./duration.ts"
export { type BadTime, badTime, type EventTime, eventTimeMs } from "./event-time.ts"
export { IdleClock } from "./idle-clock.ts"
export { Piece } from "./piece.ts"
export {
  BoundedWatermarks,
  createSplitWatermarks,
  NO_PROGRESS,
  type SplitWatermarks,
  type WatermarkGenerator,
  type WatermarkProgress,
  type WatermarkSpec,
} from "./split-watermarks.ts"
export { type RegisteredTimer, type Timer, type TimerCapture, TimerQueue } from "./timer-queue.ts"
export { type ChannelProgress, NO_CHANGE, WatermarkMerger } from "./watermark-merger.ts"
