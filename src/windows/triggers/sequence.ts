import { fires, type Trigger } from "../trigger.ts"
import { type AnyTrigger, composite, namesOf } from "./_parts.ts"

interface Step {
  states: unknown[]
  /** The part whose turn it is; parts.length when all have had theirs. */
  step: number
}

/** Fires once by each of the triggers in turn, and then no more: `sequence(count(10), count(100))`. Put it in `repeat` to go on. */
export function sequence<T>(...parts: AnyTrigger<T>[]): Trigger<T, Step> {
  return composite<T, Step>({
    description: `sequence(${namesOf(parts)})`,
    parts,
    create: () => ({ states: parts.map((part) => part.create()), step: 0 }),
    answer(state, ask, context) {
      const part = parts[state.step]
      if (part === undefined) return "continue"
      const answer = ask(part, state.states[state.step])
      if (fires(answer)) {
        state.step += 1
        parts[state.step]?.onResize?.(state.states[state.step], context)
      }
      return answer
    },
    states: ({ states }) => states,
    merge(left, right) {
      // Where the two differ, what the one behind has not seen is lost: it goes on where the other is.
      left.step = Math.max(left.step, right.step)
    },
    finished: ({ step }) => step >= parts.length,
  })
}

/** Fires once by `trigger`, and then no more. */
export function once<T>(trigger: AnyTrigger<T>): Trigger<T, Step> {
  return { ...sequence(trigger), description: `once(${trigger.description})` }
}
