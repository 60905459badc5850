/** The event time of a record that has none. Never late, never in an event-time window. */
export const NO_TIME: number = Number.NEGATIVE_INFINITY

/**
 * Records that travel together, as parallel columns of equal length.
 * `times` are event-time ms (NO_TIME where there is none); `keyHashes` are unsigned 32-bit hashes of the key, filled on
 * hash edges only (empty elsewhere), so that a key is hashed once.
 */
export class RecordBatch {
  readonly values: unknown[]
  readonly times: number[]
  readonly keyHashes: number[]

  /** Takes the columns over: whoever passes them no longer writes to them. */
  constructor(values: unknown[] = [], times: number[] = [], keyHashes: number[] = []) {
    this.values = values
    this.times = times
    this.keyHashes = keyHashes
  }

  get size(): number {
    return this.values.length
  }
}
