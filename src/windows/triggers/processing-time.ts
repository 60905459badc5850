import type { Trigger } from "../trigger.ts"

interface Armed {
  at: number | null
}

/** Fires when the clock reaches the window's end: until then records may come. The usual one for windows of processing time. */
export function processingTime(): Trigger<unknown, Armed> {
  const arm: NonNullable<Trigger<unknown, Armed>["onResize"]> = (state, context) => {
    const at = context.window.end
    if (state.at === at) return
    if (state.at !== null) context.deleteProcessingTime(state.at)
    context.registerProcessingTime(at)
    state.at = at
  }
  return {
    description: "processingTime",
    create: () => ({ at: null }),
    onRecord(_value, _timeMs, state, context) {
      arm(state, context)
      return "continue"
    },
    onProcessingTime: (timeMs, _state, context) => (timeMs === context.window.end ? "fire" : "continue"),
    merge(left, right, context) {
      if (left.at !== null) context.deleteProcessingTime(left.at)
      if (right.at !== null) context.deleteProcessingTime(right.at)
      left.at = null
      return left
    },
    onResize: arm,
  }
}
