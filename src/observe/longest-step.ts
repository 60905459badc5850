import type { SubtaskMetrics } from "./subtask-metrics.ts"

/** A reading looks back over the period under way and the one before it. */
export const STEP_PERIOD_MS = 5_000

/**
 * The longest step of a subtask in the last 5 to 10 seconds, by the wall clock: whatever held its thread counts, also the collector
 * and other programs. The worker alone writes, so any number of readers see the same, however often they look.
 */
export class LongestStep {
  readonly #metrics: SubtaskMetrics
  #longestMs = 0
  #periodEndMs = Number.NEGATIVE_INFINITY

  constructor(metrics: SubtaskMetrics) {
    this.#metrics = metrics
  }

  /** A step that took so long has ended, on a clock that never goes back. */
  note(stepMs: number, nowMs: number): void {
    if (nowMs >= this.#periodEndMs) {
      const isNext = nowMs < this.#periodEndMs + STEP_PERIOD_MS
      this.#metrics.set("longestStepBeforeMs", isNext ? this.#longestMs : 0)
      this.#longestMs = stepMs
      this.#periodEndMs = isNext ? this.#periodEndMs + STEP_PERIOD_MS : nowMs + STEP_PERIOD_MS
    } else if (stepMs > this.#longestMs) {
      this.#longestMs = stepMs
    } else return
    this.#metrics.set("longestStepMs", this.#longestMs)
  }
}
