import type { Position, Split } from "../contracts/index.ts"
import { NO_PROGRESS, type WatermarkProgress } from "../time/index.ts"

/**
 * Where reading of a split goes on: `skip` records behind `from`, and its watermark from where it was. What a checkpoint keeps of
 * a split that is being read.
 */
export interface SplitProgress extends WatermarkProgress {
  readonly split: Split
  readonly from: Position | undefined
  readonly skip: number
}

/** What the coordinator answers to a reader that asks for work. */
export interface SplitAssignment {
  /** Undefined: there is no work left, now or later. */
  readonly progress: SplitProgress | undefined
  /** True while splits of an unordered source are still to be handed out: no watermark may leave (law TIM-3). */
  readonly holdWatermark: boolean
}

/**
 * Hands the splits of one source to its readers, in order, one at a time. Pure.
 *
 * While splits of an unordered source wait, every assignment tells its reader to hold the watermark back: a split that
 * nobody reads yet may begin at any event time (law TIM-3).
 */
export class SplitCoordinator {
  readonly #waiting: SplitProgress[]
  #holding: boolean

  /** @param splits in the order in which they are to be read; those that were being read when a checkpoint was taken come first */
  constructor(splits: readonly SplitProgress[], inOrder: boolean) {
    this.#waiting = [...splits]
    this.#holding = !inOrder
  }

  /** The next assignment; `releasesWatermark` is true once: when it is the last one that all readers have waited for. */
  next(): { readonly assignment: SplitAssignment; readonly releasesWatermark: boolean } {
    const progress = this.#waiting.shift()
    const releasesWatermark = this.#holding && this.#waiting.length === 0
    if (releasesWatermark) this.#holding = false
    return { assignment: { progress, holdWatermark: this.#holding }, releasesWatermark }
  }

  /** What has not been handed out: part of a checkpoint, as it stands when the checkpoint is triggered. */
  get waiting(): readonly SplitProgress[] {
    return [...this.#waiting]
  }

  /** Draining: what has not been handed out is not read any more. */
  close(): void {
    this.#waiting.length = 0
  }
}

/** A split of which nothing has been read. */
export function unread(split: Split): SplitProgress {
  return { split, from: undefined, skip: 0, ...NO_PROGRESS }
}
