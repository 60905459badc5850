import { fires, type Trigger, type TriggerAnswer } from "../trigger.ts"
import { type AnyTrigger, both, composite, namesOf } from "./_parts.ts"

interface States {
  states: unknown[]
}

/** Fires when any of the triggers does. Then all begin anew: `any(count(100), delay("10s"))` is the first of both, again and again. */
export function any<T>(...parts: AnyTrigger<T>[]): Trigger<T, States> {
  return composite<T, States>({
    description: `any(${namesOf(parts)})`,
    parts,
    create: () => ({ states: parts.map((part) => part.create()) }),
    answer(state, ask, context) {
      let answer: TriggerAnswer = "continue"
      for (const [index, part] of parts.entries()) answer = both(answer, ask(part, state.states[index]))
      if (fires(answer)) {
        state.states = parts.map((part) => part.create())
        for (const [index, part] of parts.entries()) part.onResize?.(state.states[index], context)
      }
      return answer
    },
    states: ({ states }) => states,
    merge: () => undefined,
  })
}
