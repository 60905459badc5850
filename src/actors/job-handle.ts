/// <reference lib="esnext.disposable" preserve="true" />
import type { JobMetrics, WhyReport } from "../observe/index.ts"
import type { RestartPolicySpec } from "../snapshot/index.ts"
import type { Duration } from "../time/index.ts"
import type { Delivery } from "./checkpointing.ts"

/** `deploying` until every subtask is up; then `running`; `stopping` while it drains; `restarting` after a failure; `rescaling` between two
 * parallelisms; the rest are ends. */
export type JobStatus =
  | "deploying"
  | "running"
  | "stopping"
  | "restarting"
  | "rescaling"
  | "finished"
  | "stopped"
  | "cancelled"
  | "failed"

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
  /**
   * The most that the young generation of each worker thread's heap may take, in MiB. Default: Node's own, 48. The smaller it is, the
   * shorter and the more frequent are the collector's pauses: docs/operations.md, "Pauses".
   */
  readonly youngGenerationMb?: number
  /** A worker that makes no step for this long fails the job (WORKER_HUNG). Default 60,000 ms, at least 2,000. */
  readonly heartbeatTimeoutMs?: number
  /** Saves the job's progress, so that it survives failures and goes on when it is started again. Without it there are no checkpoints. */
  readonly checkpoint?: CheckpointOptions
  /**
   * Starts from here: the directory of a savepoint, or a checkpoint directory. Where the job's own checkpoint directory holds
   * newer checkpoints of a run that began here, it goes on from those; where it holds others, it is refused.
   */
  readonly from?: string
  /** Where keyed state lives. Every choice gives the same results. Default "heap". */
  readonly state?: StateOption
  /** What follows a failure. Default: with checkpoints, restarts with growing pauses from 100 ms to 1 minute; without, none. */
  readonly restart?: RestartPolicySpec
  /** Of a process that goes on for one that died, whose checkpoints it has: set by the supervisor process of `millrace run`. */
  readonly resumed?: { readonly restarts: number; readonly failuresInARow: number; readonly cause: string }
  /**
   * Names the command that this process works for; those that go on for it have the same. So one of them that finds the job
   * ended by its own command ends too, where a new command begins anew. Set by the supervisor process of `millrace run`.
   */
  readonly command?: string
  /** Is told of checkpoints, restarts and warnings. */
  readonly onEvent?: (event: JobEvent) => void
  /** Receives lines that the pipeline prints. Default: standard output. */
  readonly print?: (line: string) => void
}

/**
 * `"heap"`: JavaScript objects, fast, bounded by memory. `lmdb`: on disk, for more state than memory holds; needs the package
 * lmdb. Its directory is scratch (default: the system's temporary one): what survives is in checkpoints. Windows and timers
 * stay on the heap.
 */
export type StateOption = "heap" | { readonly kind: "lmdb"; readonly directory?: string }

export interface CheckpointOptions {
  /** Where checkpoints are kept: each job has a folder of its own in it. One process at a time. */
  readonly directory: string
  /** Time from the start of one checkpoint to that of the next. Default "10s". */
  readonly every?: Duration
  /** A checkpoint that takes longer is given up. Default "10m". */
  readonly timeout?: Duration
  /** At least so long between two checkpoints. Default 0. */
  readonly minPause?: Duration
  /** How many are kept. Default 3. */
  readonly retain?: number
  /**
   * `exactly-once`: the effect of each record is once in the state, and once in what sinks commit. `at-least-once`: inputs
   * are never held back for a checkpoint; after a failure some records count twice. `at-most-once`: no effect comes twice,
   * and output waits for nothing; after a failure some records are lost, and state begins empty. Default `exactly-once`.
   */
  readonly delivery?: Delivery
  /**
   * What a barrier does where records are queued, exactly once. `aligned`: it waits its turn behind them. `unaligned`: it
   * overtakes them, and they are saved with the checkpoint. `{ timeout }`: aligned, until the checkpoint is so old. Default
   * `aligned`.
   */
  readonly alignment?: "aligned" | "unaligned" | { readonly timeout: Duration }
  /** Whether a checkpoint writes only what changed since the one before it, where that is less. Default true. */
  readonly incremental?: boolean
  /** Whether a start may leave state behind that the pipeline no longer asks for: of operators and states removed from it. Default false. */
  readonly allowDroppedState?: boolean
}

/** A checkpoint that is complete. */
export interface CompletedCheckpoint {
  readonly checkpointId: number
  /** From its trigger to its publishing. */
  readonly durationMs: number
  /** Of what its subtasks wrote. */
  readonly sizeBytes: number
  /** Wall clock, epoch ms. */
  readonly completedAtMs: number
}

/** A savepoint that was asked for. */
export interface Savepoint {
  readonly checkpointId: number
  /** It stands alone: it may be moved and copied, and nothing but its user removes it. */
  readonly directory: string
  readonly durationMs: number
  readonly sizeBytes: number
}

/** What became of a job's checkpoints, over all of its attempts in this process. */
export interface CheckpointCounts {
  readonly completed: number
  readonly failed: number
  readonly last: CompletedCheckpoint | undefined
}

/** Something that happened to a running job. */
export type JobEvent =
  /** Every subtask is up: once per attempt. */
  | { readonly type: "running" }
  /** A checkpoint is complete, and what sinks prepared for it is committed. */
  | ({ readonly type: "checkpoint" } & CompletedCheckpoint)
  /**
   * An attempt failed; another begins after the pause: from this checkpoint, or from the beginning; at most once, behind
   * what was claimed, without state.
   */
  | {
      readonly type: "restart"
      readonly error: unknown
      readonly attempt: number
      readonly delayMs: number
      readonly from: "checkpoint" | "claims" | "beginning"
      readonly checkpointId: number | undefined
    }
  /** The process that this one goes on for had brought the job to its end, and died of this cause: nothing is left to do. */
  | { readonly type: "had-ended"; readonly cause: string }
  /** A savepoint is complete. */
  | ({ readonly type: "savepoint" } & Savepoint)
  /** The job goes on from this checkpoint at another parallelism. */
  | {
      readonly type: "rescale"
      readonly checkpointId: number
      readonly parallelism: Readonly<Record<string, number>>
    }
  /** Something went wrong that the job goes on in spite of, such as a checkpoint that failed. */
  | { readonly type: "warning"; readonly error: Error }

export interface JobResult {
  readonly jobName: string
  readonly runId: string
  /** `finished`: the input ended. `stopped`: drained after `stop()`, or stopped with a savepoint. */
  readonly status: "finished" | "stopped"
  /** What it can go on from, when it was stopped with a savepoint. */
  readonly savepoint: Savepoint | undefined
  readonly durationMs: number
  /** How often the job went on from a checkpoint after a failure, in this process. */
  readonly restarts: number
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
  /** How often the job went on from a checkpoint after a failure. */
  readonly restarts: number
  readCheckpoints(): CheckpointCounts
  /** One reading now. */
  readMetrics(): JobMetrics
  /**
   * Why there is no output: what the operator waits for, who holds its watermark back, and so on up to the source. Asks the
   * workers, which costs nothing while nobody does. `text` is for people, the rest for programs.
   * @param operatorId default: the first operator that waits for something
   * @throws {EngineError} WHY_OPERATOR_UNKNOWN
   */
  why(operatorId?: string): Promise<WhyReport>
  /** Readings at an interval until the job ends. */
  metrics(options?: { readonly everyMs?: number }): AsyncIterableIterator<JobMetrics>
  /**
   * Drains: sources stop, everything in flight is processed, windows fire, sinks commit.
   *
   * With `savepoint`, does not drain: sources stop, and what they had read until then, what it has become and what has been
   * written is in the savepoint. No window fires before its time; the job can go on from there. A directory that does not
   * exist yet, or `true` for one among the checkpoints.
   *
   * @throws {EngineError} with `savepoint`: as `savepoint()`; then the job goes on
   */
  stop(options?: { readonly savepoint?: string | true }): Promise<JobResult>
  /**
   * Takes a savepoint of the running job, which goes on.
   *
   * @param options.directory one that does not exist yet: it becomes the savepoint. Default: among the job's checkpoints
   * @throws {EngineError} SAVEPOINT_DIRECTORY_MISSING, SAVEPOINT_DIRECTORY_TAKEN, SAVEPOINT_NOT_RUNNING, SAVEPOINT_FAILED
   */
  savepoint(options?: { readonly directory?: string }): Promise<Savepoint>
  /**
   * Goes on at another parallelism, by operator id, from a checkpoint taken now. Resolves when it runs again. What it was given
   * stays through restarts, also of the process by the same command.
   *
   * @throws {EngineError} PLAN_* when it cannot be, and as `savepoint()`; then nothing has changed
   */
  rescale(parallelism: Readonly<Record<string, number>>): Promise<void>
  /** Ends at once: nothing more is processed, what was not committed is removed. */
  cancel(): Promise<void>
  /** Changes a rate-limited source's records per second, over all of its subtasks. */
  setRate(operatorId: string, recordsPerSecond: number): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
