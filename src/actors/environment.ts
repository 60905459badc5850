import type { Sleeper } from "../mailbox/index.ts"
import type { Subtask } from "./subtask.ts"

/**
 * The world outside a job, as its main thread sees it: clocks, timers, chance, and the code that reaches the disk. Real
 * jobs get `realEnvironment`; the simulator brings a world of its own.
 */
export interface Environment {
  /** Monotonic ms. */
  now(): number
  /** Epoch ms. */
  wallClock(): number
  /** Calls once, `ms` from now. @returns how to prevent it */
  after(ms: number, call: () => void): () => void
  /** Calls every `ms`. @returns how to end it */
  every(ms: number, call: () => void): () => void
  /** Draws from [0, 1). */
  random(): number
  /** A text that no other call has answered, here or elsewhere. */
  uniqueId(): string
  /** What only jobs with checkpoints need. */
  durability(): Promise<Durability>
}

/** See durability.ts. */
export type Durability = typeof import("./durability.ts")

/** The world outside a worker's subtasks. */
export interface WorkerEnvironment {
  /** Monotonic ms. */
  now(): number
  /** Epoch ms: processing time. Never goes back within a thread. */
  wallClock(): number
  /** Resolves after `ms`, or at once when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** What steps the subtasks until all are done. */
  loop(subtasks: readonly Subtask[], sleeper: Sleeper): Loop
  /** What a worker needs to write its share of a checkpoint. */
  partWriting(): Promise<PartWriting>
  /** What a worker needs to read a checkpoint. */
  restoring(): Promise<Restoring>
  /** What a worker needs to keep state on disk. */
  diskState(): Promise<DiskState>
}

/** See part-writing.ts. */
export type PartWriting = typeof import("./part-writing.ts")

/** See restoring.ts. */
export type Restoring = typeof import("./restoring.ts")

/** See state/disk/disk-backend.ts. */
export type DiskState = Pick<typeof import("../state/disk/disk-backend.ts"), "openDiskBackend">

/** Steps the subtasks of one worker. */
export interface Loop {
  /** Resolves when all are done, or soon after `cancel`; rejects with what a subtask threw. */
  run(): Promise<void>
  /** Something on this thread may have given a subtask work. */
  wake(): void
  /** Makes `run` return soon, with nothing finished. */
  cancel(): void
  readonly cancelled: boolean
}
