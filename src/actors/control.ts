import type { Committable } from "../contracts/index.ts"
import type { PlainError } from "../errors/index.ts"
import type { PlanOptions } from "../plan/index.ts"
import type { SplitAssignment } from "./split-coordinator.ts"

/** What a worker is told. All calls come over one port, in order: an assignment is never overtaken by what follows it. */
export interface WorkerControl {
  assignSplit(vertex: number, subtask: number, assignment: SplitAssignment): void
  /** All splits of a source have been handed out. */
  releaseWatermark(vertex: number): void
  setRate(operatorId: string, recordsPerSecond: number): void
  /** Drain: sources end, everything else follows. */
  stop(): void
  /** End now, without finishing. */
  cancel(): void
}

/** How one subtask ended. */
export interface SubtaskEnd {
  readonly vertex: number
  readonly subtask: number
  /** What its sinks prepared and the job is to commit. */
  readonly prepared: PreparedBySink
}

/** What a worker tells the main thread. */
export interface MainControl {
  /** This worker's subtasks are up. */
  ready(worker: number): void
  /** A source subtask wants work; the answer comes as `assignSplit`. */
  requestSplit(vertex: number, subtask: number): void
  /** Values for `print()` or `collect()`; resolves once they have been taken, which is the backpressure. */
  toMain(operatorId: string, values: readonly unknown[]): Promise<void> | void
  /** A subtask has come to its end. Resolves once the main thread knows: a worker ends after that. */
  subtaskEnded(end: SubtaskEnd): Promise<void> | void
}

/** What sinks prepared, by operator id. */
export type PreparedBySink = Readonly<Record<string, readonly Committable[]>>

/** The shared memory of one job. */
export interface SharedBuffers {
  readonly doorbells: SharedArrayBuffer
  readonly metrics: SharedArrayBuffer
  /** By channel index; only channels between workers have one. */
  readonly rings: readonly (SharedArrayBuffer | undefined)[]
}

/** The task of one worker thread: everything it needs to build its share of the job. */
export interface HostTask {
  readonly worker: number
  /** The pipeline's file, for messages. */
  readonly pipelineUrl: string
  /** What to import in its place: itself, or a bundle of it. */
  readonly moduleUrl: string
  readonly params: Readonly<Record<string, unknown>>
  readonly planOptions: PlanOptions
  /** The main thread's plan, to be compared. */
  readonly signature: string
  readonly runId: string
  readonly buffers: SharedBuffers
}

/** How a worker's task ended. Errors travel as plain data: a thrown one would lose its code. */
export type HostResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly cancelled: boolean; readonly error: PlainError }
