/** A place in a split, as JSON-like plain data: saved in snapshots, read back by the same source. */
export type Position = null | number | string | { readonly [field: string]: number | string | null }

/** A piece of a source that one reader reads in order. Plain data: it crosses threads and lands in snapshots. */
export interface Split {
  /** Unique within the source and the same in every run over the same input, e.g. `data/a.ndjson@1048576`. */
  readonly id: string
  /** Whatever the source needs to read it. Plain, cloneable data. */
  readonly data: unknown
}

/** Records read together. */
export interface SourceBatch<T> {
  readonly values: readonly T[]
  /** Where reading goes on after the last of `values`: `read(split, next)` yields exactly what follows them. */
  readonly next: Position
}

/**
 * Where records come from. The object is built by the pipeline module in the main thread and in every worker;
 * `splits` is called once, by the coordinator; `read` wherever a split was assigned.
 */
export interface Source<T> {
  /** For messages and plans, e.g. `ndjson(data/*.ndjson)`. */
  readonly label: string
  /**
   * False for a source that never ends by itself: all of its splits are then read at once, dealt out among the readers, each with a
   * watermark and an idleness of its own. Splits of a bounded source are read one after another, by whoever is free.
   */
  readonly bounded: boolean
  /**
   * True when its splits, in the order `splits` returns them, form one sequence in which the pipeline's out-of-orderness
   * bound holds (one file cut in pieces; files named by date). False when each may start at any event time: then no
   * watermark leaves the source until every split has been handed out.
   */
  readonly splitsInOrder: boolean
  /** What happens to input that is no record. Default: `fail`. */
  readonly badRecords?: BadRecordPolicy
  /** Records per second over all readers, for rate-limited sources; see ReadContext.rate. */
  readonly rate?: number
  /** Lists the splits, in the order in which they are to be read. May fail with a coded error (SOURCE_FILE_MISSING ...). */
  splits(context: SplitContext): Promise<readonly Split[]> | readonly Split[]
  /**
   * Reads one split, in batches of bounded size (about 1,000 records or 256 KiB, whichever is less). A plain Iterable is
   * read within the engine's steps and must be quick; an AsyncIterable is read ahead by at most two batches.
   * @param from a `next` given earlier for this split, or undefined for its beginning
   */
  read(
    split: Split,
    from: Position | undefined,
    context: ReadContext,
  ): Iterable<SourceBatch<T>> | AsyncIterable<SourceBatch<T>>
}

export interface SplitContext {
  /** How many readers there will be: a hint for how fine to split. */
  readonly parallelism: number
}

export interface ReadContext {
  /** Aborted when the job stops: end the iteration soon. */
  readonly signal: AbortSignal
  /** Monotonic wall-clock ms. Use it in place of Date.now. */
  now(): number
  /** Resolves after `ms`, or at once when the signal is aborted. */
  sleep(ms: number): Promise<void>
  /** Records per second that may be read of this split, Infinity when unlimited; may change while the job runs. */
  rate(): number
  /** Reports a malformed record, handled by the source's bad-record policy: throws when that is `fail`. */
  malformed(bad: MalformedRecord): void
}

/** A piece of input that is no record. */
export interface MalformedRecord {
  /** The input as text, at most a few KiB. */
  readonly raw: string
  /** Why it is malformed, e.g. the parser's message. */
  readonly reason: string
  /** Where: `data/a.ndjson:17` or `data/a.ndjson@1048576`. */
  readonly position: string
}

/** What happens to malformed input: the job fails (default), it is skipped and counted, or written to a file with position and reason. */
export type BadRecordPolicy = "fail" | "skip" | { readonly deadLetter: string }
