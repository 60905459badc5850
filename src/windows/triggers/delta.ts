import { describe, EngineError } from "../../errors/index.ts"
import type { Trigger } from "../trigger.ts"

interface Reference {
  /** The measure of the record that fired last, or of the first one. */
  last: number | null
}

/**
 * Fires at a record whose measure is more than `threshold` away from that of the record that fired last (at first, from that of
 * the first record). Sessions cannot use it: the order of two merged histories is lost.
 *
 * @throws {EngineError} TRIGGER_DELTA_INVALID when the threshold is negative or NaN, or a measure is no number
 */
export function delta<T>(threshold: number, measure: (value: T) => number): Trigger<T, Reference> {
  if (!(threshold >= 0)) throw invalid(threshold, "the threshold of a delta trigger")
  return {
    description: `delta(${threshold})`,
    create: () => ({ last: null }),
    onRecord(value, _timeMs, state) {
      const now = measure(value)
      if (typeof now !== "number" || Number.isNaN(now)) throw invalid(now, "the measure of a record")
      if (state.last === null) state.last = now
      if (Math.abs(now - state.last) <= threshold) return "continue"
      state.last = now
      return "fire"
    },
  }
}

function invalid(given: unknown, what: string): EngineError {
  return new EngineError(
    "TRIGGER_DELTA_INVALID",
    `Cannot use ${describe(given)} as ${what}: differences are numbers of at least 0; give a number, and filter out records without one`,
    { details: { given: describe(given) } },
  )
}
