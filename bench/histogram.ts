/**
 * Counts of durations in shared memory, so that every thread adds to one: as in HdrHistogram, a bucket is 1/256 of the power of
 * two it is in, so that a percentile is right to 0.4 % whatever its size. 0.1 µs to 100 s.
 */
const STEPS = 256
const STEP_BITS = 8
const OCTAVES = 30
/** Ticks of 0.1 µs. */
const TICKS_PER_MS = 10_000

export interface Percentile {
  /** In 0-100. */
  readonly percentile: number
  readonly ms: number
}

export class LatencyHistogram {
  readonly buffer: SharedArrayBuffer
  readonly #counts: Int32Array

  constructor(buffer = new SharedArrayBuffer(4 * STEPS * OCTAVES)) {
    this.buffer = buffer
    this.#counts = new Int32Array(buffer)
  }

  add(ms: number): void {
    Atomics.add(this.#counts, bucketOf(Math.max(0, Math.round(ms * TICKS_PER_MS))), 1)
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** The least duration that so many of 100 are not above; its bucket's upper end. Of none: NaN. */
  at(percentile: number): number {
    const wanted = Math.max(1, Math.ceil((this.count * percentile) / 100))
    let seen = 0
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count
      if (seen >= wanted) return upperEnd(bucket) / TICKS_PER_MS
    }
    return Number.NaN
  }
}

/** Below two rows of STEPS a tick has a bucket of its own; above, each octave has STEPS of them. */
function bucketOf(ticks: number): number {
  const octave = Math.max(0, 31 - Math.clz32(Math.min(ticks, 2 ** 31 - 1)) - STEP_BITS)
  const bucket = octave * STEPS + Math.floor(Math.min(ticks, 2 ** 31 - 1) / 2 ** octave)
  return Math.min(bucket, STEPS * OCTAVES - 1)
}

function upperEnd(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket
  const octave = Math.floor(bucket / STEPS) - 1
  return (bucket - octave * STEPS + 1) * 2 ** octave - 1
}
