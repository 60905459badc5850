import { fires, purges, type Trigger } from "../trigger.ts"
import { type AnyTrigger, composite, namesOf } from "./_parts.ts"

interface States {
  states: unknown[]
  /** Those that have fired since the last time. */
  fired: boolean[]
}

/** Fires when each of the triggers has fired since the last time, at the last of them. Then all begin anew. */
export function all<T>(...parts: AnyTrigger<T>[]): Trigger<T, States> {
  return composite<T, States>({
    description: `all(${namesOf(parts)})`,
    parts,
    create: () => ({ states: parts.map((part) => part.create()), fired: parts.map(() => false) }),
    answer(state, ask, context) {
      let purge = false
      for (const [index, part] of parts.entries()) {
        const answer = ask(part, state.states[index])
        if (fires(answer)) state.fired[index] = true
        if (purges(answer)) purge = true
      }
      if (!state.fired.every(Boolean)) return "continue"
      state.states = parts.map((part) => part.create())
      state.fired = parts.map(() => false)
      for (const [index, part] of parts.entries()) part.onResize?.(state.states[index], context)
      return purge ? "fire-and-purge" : "fire"
    },
    states: ({ states }) => states,
    merge(left, right) {
      left.fired = left.fired.map((fired, index) => fired || right.fired[index]!)
    },
  })
}
