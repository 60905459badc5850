/** What a writer prepared and the committer will make visible. Plain data: it crosses threads and lands in snapshots. */
export type Committable = { readonly [field: string]: string | number | boolean | null }

/** Where records go. Built by the pipeline module in the main thread and in every worker. */
export interface Sink<T> {
  /** For messages and plans, e.g. `ndjson(out/hourly)`. */
  readonly label: string
  /**
   * How it keeps output from coming twice when records are written again after a failure. `transactional`: nothing is
   * visible before `commit`, and `abort` removes what never will be. `upsert`: a write replaces the one before of the same
   * key. Left out: it does not.
   */
  readonly kind?: SinkKind
  /**
   * Of a sink that writes over: what a record replaces the one before under. Where the sink's subtasks are not those of the
   * operator before it, records are dealt out by it, so that those of a key come in order to one writer.
   */
  keyOf?(value: T): string
  /** One writer per subtask, made on its worker. */
  writer(context: SinkContext): SinkWriter<T> | Promise<SinkWriter<T>>
  /** Called once in the main thread before any writer opens: refuse early (no permission, wrong kind of path). */
  prepare?(context: SinkJobContext): Promise<void>
  /**
   * Makes what was prepared visible. Called in the main thread; may be called again with the same committables after a
   * crash, and must then change nothing (idempotent). `final` is true at the end of the job.
   */
  commit?(committables: readonly Committable[], context: SinkJobContext & { readonly final: boolean }): Promise<void>
  /** Removes whatever this run wrote and never committed, also that of writers that died. */
  abort?(context: SinkJobContext): Promise<void>
}

export type SinkKind = "transactional" | "upsert"

export interface SinkJobContext {
  readonly jobName: string
  /** Unique for this run of the job. */
  readonly runId: string
  readonly operatorId: string
  readonly parallelism: number
}

export interface SinkContext extends SinkJobContext {
  readonly subtask: number
  /** Counts the attempts of a run with checkpoints, over starts of the process too. Two writers never share run, operator, subtask and attempt. */
  readonly attempt: number
  readonly signal: AbortSignal
  /** Hands values to the main thread (print, collect). Resolves when they have arrived there. */
  toMain(values: readonly unknown[]): Promise<void>
}

export interface SinkWriter<T> {
  /**
   * Takes a batch of records, in order. While a returned promise is pending no further batch is offered, and the
   * sender is held back by backpressure. The arrays belong to the writer once passed.
   */
  write(values: T[], timesMs: number[]): void | Promise<void>
  /**
   * Makes everything written so far durable and ready to commit; what is written from now on belongs to the next checkpoint.
   * What it answers may be committed later than asked: with a later checkpoint, when this one fails.
   */
  prepareCommit?(checkpointId: number): Promise<readonly Committable[]>
  /** True: `write` may be called again while the promise of `prepareCommit` is pending. Without it records wait for that. */
  readonly writesWhilePreparing?: boolean
  /** Releases files and connections. `failed` is true when the job did not end well: leave nothing half-written behind. */
  close?(failed: boolean): void | Promise<void>
}
