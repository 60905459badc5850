import type { Trigger, TriggerContext } from "../trigger.ts"
import { type AnyTrigger, type Ask, composite } from "./_parts.ts"
import { eventTime } from "./event-time.ts"

interface Parts {
  /** Of the three parts: before the end, at the end, after. */
  states: unknown[]
}

/**
 * Fires when the watermark has passed the window, as the usual trigger, and besides: before that as `early` says, after that
 * as `late` says in place of once per record. E.g. `afterWatermark({ early: continuous("1m"), late: count(10) })`.
 * Source: Beam's AfterWatermark.pastEndOfWindow().withEarlyFirings().withLateFirings().
 */
export function afterWatermark<T>(parts: {
  readonly early?: AnyTrigger<T>
  readonly late?: AnyTrigger<T>
}): Trigger<T, Parts> {
  const onTime: AnyTrigger<T> = eventTime()
  const nothing: AnyTrigger<T> = { description: "", create: () => null, onRecord: () => "continue", merge: () => null }
  const everyLate: AnyTrigger<T> = { description: "", create: () => null, onRecord: () => "fire", merge: () => null }
  const early = parts.early ?? nothing
  const late = parts.late ?? everyLate
  const overFor = ({ window, watermarkMs }: TriggerContext) => window.end - 1 <= watermarkMs
  const answer = (state: Parts, ask: Ask<T>, context: TriggerContext) => {
    if (overFor(context)) return ask(late, state.states[2])
    ask(onTime, state.states[1])
    return ask(early, state.states[0])
  }
  const trigger = composite<T, Parts>({
    description: `afterWatermark(${early.description}; ${late.description})`,
    parts: [early, onTime, late],
    create: () => ({ states: [early.create(), onTime.create(), late.create()] }),
    answer,
    states: ({ states }) => states,
    merge: () => undefined,
  })
  return {
    ...trigger,
    onEventTime(timeMs, state, context) {
      // Times come in order, and this one is the window's end, whatever else has asked for it.
      if (timeMs === context.window.end - 1) return "fire"
      return answer(state, (part, of) => part.onEventTime?.(timeMs, of, context) ?? "continue", context)
    },
    firesOnlyAtEnd: parts.early === undefined && (parts.late === undefined || parts.late.firesOnlyAtEnd === true),
  }
}
