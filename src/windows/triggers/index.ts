/**
 * When windows emit, one trigger per file; used as `triggers.count(100)`. Each is a plain value that serves all windows and
 * keeps what it must in the window's state. Read ../trigger.ts first, then count.ts.
 */
export { afterWatermark } from "./after-watermark.ts"
export { all } from "./all.ts"
export { any } from "./any.ts"
export { continuous } from "./continuous.ts"
export { count } from "./count.ts"
export { delay } from "./delay.ts"
export { delta } from "./delta.ts"
export { eventTime } from "./event-time.ts"
export { never } from "./never.ts"
export { processingTime } from "./processing-time.ts"
export { purging } from "./purging.ts"
export { repeat } from "./repeat.ts"
export { once, sequence } from "./sequence.ts"
