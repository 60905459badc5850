import { fires, type Trigger } from "../trigger.ts"
import { type AnyTrigger, composite } from "./_parts.ts"

interface States {
  states: unknown[]
}

/** Begins a trigger anew when it has fired for the last time: `repeat(sequence(count(10), count(100)))`. Others repeat by themselves. */
export function repeat<T>(trigger: AnyTrigger<T>): Trigger<T, States> {
  return composite<T, States>({
    description: `repeat(${trigger.description})`,
    parts: [trigger],
    create: () => ({ states: [trigger.create()] }),
    answer(state, ask, context) {
      const answer = ask(trigger, state.states[0])
      if (fires(answer) && trigger.finished?.(state.states[0]) === true) {
        state.states = [trigger.create()]
        trigger.onResize?.(state.states[0], context)
      }
      return answer
    },
    states: ({ states }) => states,
    merge: () => undefined,
  })
}
