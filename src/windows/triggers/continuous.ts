import { type Duration, durationMs } from "../../time/index.ts"
import { windowSizeMs } from "../_window-errors.ts"
import type { Trigger } from "../trigger.ts"
import type { TimeDomain } from "../window.ts"

interface Beat {
  /** The next time to fire; null while nothing has come since the last. */
  next: number | null
}

/**
 * Fires at every multiple of `interval` while records come, in event time or by the clock; and at the end of the window.
 * @throws {EngineError} WINDOW_SIZE_INVALID, DURATION_INVALID
 */
export function continuous(interval: Duration, options: { readonly time?: TimeDomain } = {}): Trigger<unknown, Beat> {
  windowSizeMs(interval, "the interval of a continuous trigger")
  const intervalMs = durationMs(interval, "the interval of a continuous trigger")
  const inEventTime = options.time !== "processing"
  return {
    description: `continuous(${intervalMs}${inEventTime ? "" : " of processing time"})`,
    create: () => ({ next: null }),
    onRecord(_value, timeMs, state, context) {
      if (inEventTime && context.window.end - 1 <= context.watermarkMs) return "fire"
      if (state.next === null) {
        const from = inEventTime ? Math.max(timeMs, context.watermarkMs) : context.processingTimeMs
        state.next = Math.floor(from / intervalMs) * intervalMs + intervalMs
        if (inEventTime) context.registerEventTime(state.next)
        else context.registerProcessingTime(state.next)
      }
      if (context.window.end < Number.POSITIVE_INFINITY && inEventTime)
        context.registerEventTime(context.window.end - 1)
      return "continue"
    },
    onEventTime(timeMs, state, context) {
      if (!inEventTime) return "continue"
      if (timeMs === context.window.end - 1) return "fire"
      if (timeMs !== state.next) return "continue"
      state.next = null
      return "fire"
    },
    onProcessingTime(timeMs, state) {
      if (inEventTime || timeMs !== state.next) return "continue"
      state.next = null
      return "fire"
    },
    merge(left, right) {
      if (left.next === null || (right.next !== null && right.next < left.next)) left.next = right.next
      return left
    },
    onResize(_state, context) {
      if (inEventTime && context.window.end - 1 > context.watermarkMs) context.registerEventTime(context.window.end - 1)
    },
  }
}
