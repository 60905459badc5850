/**
 * Event time: watermarks of splits and their merging, timers, durations. Pure: every clock is an argument.
 * Promises that no combined watermark goes back and that a timer fires once and in order. Leans on errors/ alone.
 * Read watermark-merger.ts first.
 */
export { type Duration, type DurationUnit, durationMs, signedDurationMs } from "./duration.ts"
export { type RegisteredTimer, type Timer, type TimerCapture, TimerQueue } from "./timer-queue.ts"
export { WatermarkGenerator } from "./watermark-generator.ts"
export { NO_CHANGE, WatermarkMerger } from "./watermark-merger.ts"
