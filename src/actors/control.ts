import type { Committable } from "../contracts/index.ts"
import type { PlainError } from "../errors/index.ts"
import type { SubtaskReport } from "../observe/index.ts"
import type { PlanOptions } from "../plan/index.ts"
import type { BarrierMode, ChannelCounts } from "../snapshot/index.ts"
import type { PartHandle } from "../snapshot/store/index.ts"
import type { RestoreTask } from "./restore.ts"
import type { SplitClaim } from "./source-reader.ts"
import type { SplitAssignment, SplitProgress } from "./split-coordinator.ts"
import type { BarrierMark } from "./subtask-input.ts"

/** What a worker is told. All calls come over one port, in order: an assignment is never overtaken by what follows it. */
export interface WorkerControl {
  assignSplit(vertex: number, subtask: number, assignment: SplitAssignment): void
  /** All splits of a source have been handed out. */
  releaseWatermark(vertex: number): void
  setRate(operatorId: string, recordsPerSecond: number): void
  /** A checkpoint begins: sources put its barrier between two records. `target`: where parts go, of a savepoint. */
  trigger(mark: BarrierMark, target?: PartTarget): void
  /** A checkpoint is durable, and what its sinks prepared is committed. */
  checkpointCompleted(checkpointId: number): void
  /** A checkpoint is off. */
  checkpointAborted(checkpointId: number): void
  /** At most once: sinks prepare what was written since the last cut, each subtask when it comes to it. */
  cutOutput(cutId: number): void
  /** How its subtasks stand. Undefined while they are being built. */
  report(): readonly SubtaskReport[] | undefined
  /** Drain: sources end, everything else follows. */
  stop(): void
  /** End now, without finishing. */
  cancel(): void
}

/** One subtask's share of a checkpoint, or what is left of it at its end. Plain data. */
export interface SubtaskShare {
  /** The files that hold its state, to be laid over each other in this order; none when it has none. */
  readonly parts: readonly PartHandle[]
  /** Bytes written for this checkpoint. */
  readonly written: number
  /** What its sinks prepared and nobody has said is committed. */
  readonly prepared: PreparedBySink
  /** Where a source's reader stands in the splits that it reads. */
  readonly progress: readonly SplitProgress[]
  /** What it has handed on. */
  readonly watermarkMs: number
  /** Where it judges what is late, once what a restore brought back is delivered. */
  readonly reachedMs: number
  /** For the audit. */
  readonly counts: ChannelCounts
}

/** Whose share it is. */
export interface SubtaskPlace {
  /** The vertex's index. */
  readonly vertex: number
  readonly subtask: number
}

/** What a worker tells the main thread. */
export interface MainControl {
  /** This worker's subtasks are up. */
  ready(worker: number): void
  /** A source subtask wants work; the answer comes as `assignSplit`. */
  requestSplit(vertex: number, subtask: number): void
  /** Values for `print()` or `collect()`; resolves once they have been taken, which is the backpressure. */
  toMain(operatorId: string, values: readonly unknown[]): Promise<void> | void
  /** A subtask's share of a checkpoint is durable. */
  acknowledge(checkpointId: number, place: SubtaskPlace, share: SubtaskShare): Promise<void> | void
  /** A subtask's share of a checkpoint could not be written. */
  decline(checkpointId: number, place: SubtaskPlace, error: PlainError): Promise<void> | void
  /** At most once: a source is about to emit something. Resolves when that is durable. */
  claim(vertex: number, claim: SplitClaim): Promise<void> | void
  /** At most once: what the sinks of a subtask prepared, to be committed now. Resolves when it is: the subtask cuts its output again only then. */
  outputCut(place: SubtaskPlace, prepared: PreparedBySink): Promise<void> | void
  /** A subtask has come to its end. Resolves once the main thread knows: a worker ends after that. */
  subtaskEnded(place: SubtaskPlace, share: SubtaskShare): Promise<void> | void
}

/** What sinks prepared, by operator id. */
export type PreparedBySink = Readonly<Record<string, readonly Committable[]>>

/** Where the parts of a checkpoint are written. */
export interface PartTarget {
  readonly directory: string
  readonly attempt: number
}

/** What a worker must know to take part in checkpoints. */
export interface WorkerCheckpoints {
  /** Of the store: where parts are written. */
  readonly directory: string
  readonly attempt: number
  readonly barrierMode: BarrierMode
  /** Whether subtasks write what changed only. */
  readonly incremental: boolean
  /** At most once: sources claim before they emit, and sinks commit by time. There are no barriers then. */
  readonly claims: boolean
  /** The checkpoint to go on from; undefined at the beginning. */
  readonly restore: RestoreTask | undefined
}

/** The shared memory of one job. */
export interface SharedBuffers {
  readonly doorbells: SharedArrayBuffer
  readonly metrics: SharedArrayBuffer
  /** Where the readers of aligned sources are. */
  readonly alignment: SharedArrayBuffer
  /** Records a channel holds at most. */
  readonly channelCredits: number
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
  readonly checkpoints: WorkerCheckpoints | undefined
  /** Where state on disk is kept, for this attempt alone; undefined: on the heap. */
  readonly stateDirectory?: string | undefined
}

/** How a worker's task ended. Errors travel as plain data: a thrown one would lose its code. */
export type HostResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly cancelled: boolean
      readonly error: PlainError
      /** Something of its share may still be going on: the thread is of no use to another attempt. */
      readonly leftBehind?: true
    }
