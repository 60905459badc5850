/** A reading of one vertex (a chain of operators) over all of its subtasks. Shares are of the time since the last reading, 0..1, mean over subtasks; what is left to 1 is time in which it had work while other subtasks of its worker ran. */
export interface VertexMetrics {
  readonly id: string
  /** Names of the chained operators, e.g. `source -> filter -> map`. */
  readonly name: string
  readonly parallelism: number
  /** Records taken in (for a source: read), since the start. */
  readonly recordsIn: number
  /** Records handed on to other vertices, since the start; for a vertex that ends in sinks, the records written. */
  readonly recordsOut: number
  /** Records taken in per second since the last reading. */
  readonly recordsPerSecond: number
  /** Records that came behind the watermark and too late for their window. */
  readonly late: number
  /** Malformed records passed over by policy `skip`, or written to a dead-letter file. */
  readonly skipped: number
  readonly busyShare: number
  readonly backpressuredShare: number
  readonly idleShare: number
  /** Sources that wait for others of their alignment group. */
  readonly pausedShare: number
  /**
   * The longest step of any of its subtasks in the last 5 to 10 seconds, in ms by the wall clock: the collector's pauses and other
   * programs count. So long a barrier may have waited, and whatever else runs on that worker.
   */
  readonly longestStepMs: number
  /** Subtasks whose input is idle: they hold no watermark back. */
  readonly idleInputs: number
  /** Lowest event-time watermark of its subtasks: -Infinity before the first, +Infinity at the end. */
  readonly watermarkMs: number
  /** Records on their way out of this vertex: sent and not yet released by a receiver. Never above `credits`. */
  readonly inFlight: number
  readonly credits: number
}

/** One reading of a job. */
export interface JobMetrics {
  /** ms since the job began to run. */
  readonly elapsedMs: number
  /** Records read by all sources since the start. */
  readonly recordsIn: number
  /** Records written by all sinks since the start. */
  readonly recordsOut: number
  /** Records read by the sources, per second, since the last reading. */
  readonly recordsPerSecond: number
  readonly inFlight: number
  readonly credits: number
  /** How far the slowest sink-side watermark is behind the newest event time any source has seen, in event-time ms; undefined without event time. */
  readonly watermarkLagMs: number | undefined
  readonly late: number
  readonly skipped: number
  readonly vertices: readonly VertexMetrics[]
}
