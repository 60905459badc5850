import { type Duration, durationMs } from "../../time/index.ts"
import { windowSizeMs } from "../_window-errors.ts"
import type { Trigger } from "../trigger.ts"

interface Deadline {
  at: number | null
}

/**
 * Fires when the clock is `delay` past the first record since the last firing.
 * @throws {EngineError} WINDOW_SIZE_INVALID, DURATION_INVALID
 */
export function delay(delay: Duration): Trigger<unknown, Deadline> {
  windowSizeMs(delay, "the delay of a trigger")
  const delayMs = durationMs(delay, "the delay of a trigger")
  return {
    description: `delay(${delayMs})`,
    create: () => ({ at: null }),
    onRecord(_value, _timeMs, state, context) {
      if (state.at === null) {
        state.at = context.processingTimeMs + delayMs
        context.registerProcessingTime(state.at)
      }
      return "continue"
    },
    onProcessingTime(timeMs, state) {
      if (timeMs !== state.at) return "continue"
      state.at = null
      return "fire"
    },
    merge(left, right) {
      if (left.at === null || (right.at !== null && right.at < left.at)) left.at = right.at
      return left
    },
  }
}
