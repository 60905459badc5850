import type { JobMetrics } from "../observe/index.ts"

/** `deploying` until every subtask is up; then `running`; `stopping` while it drains; the rest are ends. */
export type JobStatus = "deploying" | "running" | "stopping" | "finished" | "stopped" | "cancelled" | "failed"

export interface RunOptions {
  /** Worker threads. Default: one per core. 0 runs the whole graph on the calling thread, for debugging and tests. */
  readonly workers?: number
  /** Subtasks of every operator that does not set its own. Default: the number of workers, at least 1. */
  readonly parallelism?: number
  /** Overrides by operator id, e.g. `{ "window-1": { parallelism: 4 } }`. Wins over the pipeline module. */
  readonly set?: Readonly<Record<string, { readonly parallelism: number }>>
  /** Values for the pipeline's params. Plain, cloneable data. */
  readonly params?: Readonly<Record<string, unknown>>
  /** Aborting cancels the job. */
  readonly signal?: AbortSignal
  /** Heap limit of each worker thread in MiB. Default: Node's own. */
  readonly maxHeapMb?: number
  /** A worker that makes no step for this long fails the job (WORKER_HUNG). Default 60,000 ms. */
  readonly heartbeatTimeoutMs?: number
  /** Receives lines that the pipeline prints. Default: standard output. */
  readonly print?: (line: string) => void
}

export interface JobResult {
  readonly jobName: string
  readonly runId: string
  /** `finished`: the input ended. `stopped`: drained after `stop()`. */
  readonly status: "finished" | "stopped"
  readonly durationMs: number
  readonly metrics: JobMetrics
  /** What `collect()` sinks gathered, by operator id, in order of arrival. */
  readonly collected: Readonly<Record<string, readonly unknown[]>>
}

/** A running job. Async-disposable: disposing cancels a job that still runs. */
export interface JobHandle {
  readonly jobName: string
  readonly runId: string
  readonly status: JobStatus
  /** Resolves at the end; rejects with the failure, or with JOB_CANCELLED. */
  readonly done: Promise<JobResult>
  /** One reading now. */
  readMetrics(): JobMetrics
  /** Readings at an interval until the job ends. */
  metrics(options?: { readonly everyMs?: number }): AsyncIterableIterator<JobMetrics>
  /** Drains: sources stop, everything in flight is processed, windows fire, sinks commit. */
  stop(): Promise<JobResult>
  /** Ends at once: nothing more is processed, what was not committed is removed. */
  cancel(): Promise<void>
  /** Changes a rate-limited source's records per second, over all of its subtasks. */
  setRate(operatorId: string, recordsPerSecond: number): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
