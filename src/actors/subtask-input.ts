import type { Chain } from "./chain.ts"

/** Where a subtask's records come from: its channels, or the splits of a source. */
export interface SubtaskInput {
  /**
   * Feeds up to `budget` records into the chain. Stops early when the chain is blocked, or when the watermark, idleness
   * or end changed: the subtask deals with these before the records behind them.
   */
  step(chain: Chain, budget: number): { readonly records: number; readonly moved: boolean }
  /** The input's combined watermark after the last step. */
  readonly watermarkMs: number
  /** True while no part of the input holds the watermark back. */
  readonly idle: boolean
  /** True once nothing follows. */
  readonly ended: boolean
  /** Drain: take no new input from outside; what was taken is still processed. */
  stop(): void
  /** The job ends without finishing this input. */
  close(): void
}
