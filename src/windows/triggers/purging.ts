import { fires, type Trigger, type TriggerAnswer } from "../trigger.ts"

/** Fires as `trigger` does, and throws the content away each time: the next pane begins with nothing. */
export function purging<T, S>(trigger: Trigger<T, S>): Trigger<T, S> {
  const purge = (answer: TriggerAnswer): TriggerAnswer => (fires(answer) ? "fire-and-purge" : answer)
  const { merge, onResize, finished } = trigger
  return {
    description: `purging(${trigger.description})`,
    create: () => trigger.create(),
    onRecord: (value, timeMs, state, context) => purge(trigger.onRecord(value, timeMs, state, context)),
    onEventTime: (timeMs, state, context) => purge(trigger.onEventTime?.(timeMs, state, context) ?? "continue"),
    onProcessingTime: (timeMs, state, context) =>
      purge(trigger.onProcessingTime?.(timeMs, state, context) ?? "continue"),
    ...(merge && { merge: merge.bind(trigger) }),
    ...(onResize && { onResize: onResize.bind(trigger) }),
    ...(finished && { finished: finished.bind(trigger) }),
    firesOnlyAtEnd: trigger.firesOnlyAtEnd ?? false,
  }
}
