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
  readonly splits: readonly SplitProgress[]
  /** Nothing will be left for this reader when it has read these. */
  readonly last: boolean
  /** Among how many the rate of the source is shared: its readers, or the splits that are read side by side. */
  readonly sharers: number
  /** True while splits of an unordered source are still to be handed out: no watermark may leave (law TIM-3). */
  readonly holdWatermark: boolean
}

export interface SplitCoordinatorOptions {
  /** Those that were being read when a checkpoint was taken come first. */
  readonly splits: readonly SplitProgress[]
  /** See `Source`. */
  readonly bounded: boolean
  readonly inOrder: boolean
  /** How many readers there are. */
  readonly readers: number
}

/**
 * Hands the splits of one source to its readers. Pure.
 *
 * - Of a bounded source one at a time, in order, to whoever asks.
 * - Of a source without end all of them, dealt out in turn: none may wait for another to end. Each reader gets its share with its
 *   first request.
 * - While splits of an unordered source wait, every assignment tells its reader to hold the watermark back: a split that
 *   nobody reads yet may begin at any event time (law TIM-3).
 */
export class SplitCoordinator {
  #waiting: SplitProgress[]
  #holding: boolean
  /** Whose a split is, of a source without end. */
  readonly #readerOf: ReadonlyMap<SplitProgress, number> | undefined
  readonly #sharers: number

  constructor({ splits, bounded, inOrder, readers }: SplitCoordinatorOptions) {
    this.#waiting = [...splits]
    this.#holding = !inOrder
    this.#readerOf = bounded ? undefined : new Map(splits.map((split, index) => [split, index % readers]))
    this.#sharers = bounded ? readers : Math.max(1, splits.length)
  }

  /**
   * The next assignment of a reader; `releasesWatermark` is true once: when it is the last one that all readers have waited
   * for.
   */
  next(reader: number): { readonly assignment: SplitAssignment; readonly releasesWatermark: boolean } {
    const splits = this.#readerOf === undefined ? this.#waiting.splice(0, 1) : this.#shareOf(reader)
    const releasesWatermark = this.#holding && this.#waiting.length === 0
    if (releasesWatermark) this.#holding = false
    const last = this.#readerOf !== undefined || splits.length === 0
    return {
      assignment: { splits, last, sharers: this.#sharers, holdWatermark: this.#holding },
      releasesWatermark,
    }
  }

  /** What has not been handed out: part of a checkpoint, as it stands when the checkpoint is triggered. */
  get waiting(): readonly SplitProgress[] {
    return [...this.#waiting]
  }

  /** Draining: what has not been handed out is not read any more. */
  close(): void {
    this.#waiting = []
  }

  #shareOf(reader: number): SplitProgress[] {
    const isOfReader = (split: SplitProgress): boolean => this.#readerOf!.get(split) === reader
    const share = this.#waiting.filter(isOfReader)
    this.#waiting = this.#waiting.filter((split) => !isOfReader(split))
    return share
  }
}

/** A split of which nothing has been read. */
export function unread(split: Split): SplitProgress {
  return { split, from: undefined, skip: 0, ...NO_PROGRESS }
}
