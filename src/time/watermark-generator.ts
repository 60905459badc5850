/**
 * Makes the watermark of one source split whose records are at most `boundMs` behind the newest one before them.
 * Pure. Times are event-time ms.
 *
 * Watermark w says: no record with time <= w follows, unless it is late. A record may repeat the time `max - bound`, so
 * w is one less (as Flink's BoundedOutOfOrdernessWatermarks). Never goes back; O(1).
 */
export class WatermarkGenerator {
  readonly #boundMs: number
  #maxMs = Number.NEGATIVE_INFINITY

  /** @param boundMs how far behind the newest record a later one may be: ms >= 0 (see durationMs) */
  constructor(boundMs: number) {
    this.#boundMs = boundMs
  }

  /** Takes a record's time. Records without a time, and NaN and Infinity, say nothing about event time and are passed over. */
  observe(timeMs: number): void {
    if (timeMs > this.#maxMs && timeMs !== Number.POSITIVE_INFINITY) this.#maxMs = timeMs
  }

  /** The watermark now: -Infinity before the first record with a time. */
  current(): number {
    return this.#maxMs - this.#boundMs - 1
  }
}
