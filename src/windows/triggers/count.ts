import { positiveCount } from "../_window-errors.ts"
import type { Trigger } from "../trigger.ts"

interface Counted {
  records: number
}

/**
 * Fires at every `n`th record of a window.
 * @throws {EngineError} WINDOW_COUNT_INVALID
 */
export function count(n: number): Trigger<unknown, Counted> {
  positiveCount(n, "the count of a trigger")
  return {
    description: `count(${n})`,
    create: () => ({ records: 0 }),
    onRecord(_value, _timeMs, state) {
      state.records += 1
      if (state.records < n) return "continue"
      state.records = 0
      return "fire"
    },
    merge(left, right) {
      left.records += right.records
      return left
    },
  }
}
