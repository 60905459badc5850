import type { Trigger } from "../trigger.ts"

interface Armed {
  /** What was asked for; null before. */
  at: number | null
}

/** Fires when the watermark reaches the window's last millisecond, and at once for each record after that. The usual one. */
export function eventTime(): Trigger<unknown, Armed> {
  const arm: NonNullable<Trigger<unknown, Armed>["onResize"]> = (state, context) => {
    const at = context.window.end - 1
    if (state.at === at) return
    if (state.at !== null) context.deleteEventTime(state.at)
    context.registerEventTime(at)
    state.at = at
  }
  return {
    description: "eventTime",
    create: () => ({ at: null }),
    onRecord(_value, _timeMs, state, context) {
      if (context.window.end - 1 <= context.watermarkMs) return "fire"
      arm(state, context)
      return "continue"
    },
    onEventTime: (timeMs, _state, context) => (timeMs === context.window.end - 1 ? "fire" : "continue"),
    merge(left, right, context) {
      if (left.at !== null) context.deleteEventTime(left.at)
      if (right.at !== null) context.deleteEventTime(right.at)
      left.at = null
      return left
    },
    onResize(state, context) {
      if (context.window.end - 1 > context.watermarkMs) arm(state, context)
    },
    firesOnlyAtEnd: true,
    asksOnlyForEnd: true,
  }
}
