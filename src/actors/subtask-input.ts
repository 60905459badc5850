import type { GateReport, ReaderReport } from "../observe/index.ts"
import type { Chain } from "./chain.ts"
import type { InFlightSource } from "./in-flight.ts"
import type { SplitProgress } from "./split-coordinator.ts"

/** A checkpoint whose barrier has come to a subtask, or to a source. */
export interface BarrierMark {
  readonly checkpointId: number
  /** When the coordinator asked for it: wall-clock ms. */
  readonly bornMs: number
  /** Of a savepoint: holds everything, and nothing builds on it. Never overtakes. */
  readonly savepoint?: boolean
  /** For sources: nothing is read behind it, unless it is aborted. */
  readonly last?: boolean
}

/** What a checkpoint keeps of a subtask's input. */
export interface InputSnapshot {
  /** Where a source's reader stands in the splits that it reads. */
  readonly progress: readonly SplitProgress[]
  /** Records delivered so far, by input channel: for the audit. */
  readonly received: readonly number[]
  /** The watermark to which what a restore brought back, and is not delivered, is still to bring it: event-time ms. */
  readonly owedMs?: number
  /** Copies what is in flight, where barriers may overtake it. */
  readonly inFlight?: InFlightSource & {
    /** Records copied so far, by input channel. */
    readonly saved: readonly number[]
  }
}

/** Where a subtask's records come from: its channels, or the splits of a source. */
export interface SubtaskInput {
  /**
   * Feeds up to `budget` records into the chain. Stops early when the chain is blocked, or when the watermark, idleness,
   * a barrier or the end is next: the subtask deals with these before the records behind them.
   */
  step(chain: Chain, budget: number): { readonly records: number; readonly moved: boolean }
  /** Looks for barriers that were announced beside the queues, and at the clock. To be called before each step, also while nothing is taken. */
  notice(): void
  /** The input's combined watermark after the last step. */
  readonly watermarkMs: number
  /** True while no part of the input holds the watermark back. */
  readonly idle: boolean
  /** True while it waits for other sources, of its own accord: that is neither idleness nor backpressure. */
  readonly paused?: boolean
  /** The subtask could not take input: what is downstream, or a checkpoint, held it back. */
  noteHeld?(): void
  /** True once nothing follows. */
  readonly ended: boolean
  /** The checkpoint to be captured before anything more is taken. */
  readonly barrierDue: BarrierMark | undefined
  /** When `notice` has something to do even if nothing comes: +Infinity for never. On the clock of the barriers' birth. */
  readonly barrierDeadlineMs: number
  /** The subtask captures now. */
  passBarrier(): InputSnapshot
  /** Records delivered so far, by input channel. */
  readonly received: readonly number[]
  /** The checkpoint is off: as if it had never been asked for. */
  abortCheckpoint(checkpointId: number): void
  /** How it stands, for `why`. Channels are numbered in their order here. */
  report(): GateReport | ReaderReport
  /** Drain: take no new input from outside; what was taken is still processed. */
  stop(): void
  /** The job ends without finishing this input. */
  close(): void
}
