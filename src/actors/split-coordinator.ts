import type { Split } from "../contracts/index.ts"
import type { SplitAssignment } from "./source-reader.ts"

/**
 * Hands the splits of one source to its readers, in order, one at a time. Pure.
 *
 * While splits of an unordered source wait, every assignment tells its reader to hold the watermark back: a split that
 * nobody reads yet may begin at any event time (law TIM-3).
 */
export class SplitCoordinator {
  readonly #splits: readonly Split[]
  #next = 0
  #holding: boolean

  constructor(splits: readonly Split[], inOrder: boolean) {
    this.#splits = splits
    this.#holding = !inOrder
  }

  /** The next assignment; `releasesWatermark` is true once: when it is the last one that all readers have waited for. */
  next(): { readonly assignment: SplitAssignment; readonly releasesWatermark: boolean } {
    const split = this.#splits[this.#next]
    if (split !== undefined) this.#next += 1
    const releasesWatermark = this.#holding && this.#next === this.#splits.length
    if (releasesWatermark) this.#holding = false
    return { assignment: { split, holdWatermark: this.#holding }, releasesWatermark }
  }

  /** Draining: what has not been handed out is not read any more. */
  close(): void {
    this.#next = this.#splits.length
  }
}
