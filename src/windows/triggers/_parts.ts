import { fires, purges, type Trigger, type TriggerAnswer, type TriggerContext } from "../trigger.ts"

// biome-ignore lint/suspicious/noExplicitAny: the states of the parts differ from one to the next
export type AnyTrigger<T> = Trigger<T, any>

/** Calls one part of a composite. */
export type Ask<T> = (trigger: AnyTrigger<T>, state: unknown) => TriggerAnswer

/** One trigger made of several: what differs is what their answers add up to. The state begins with the states of the parts. */
export function composite<T, S>(options: {
  readonly description: string
  readonly parts: readonly AnyTrigger<T>[]
  create(): S
  /** Asks the parts that it wants to. */
  answer(state: S, ask: Ask<T>, context: TriggerContext): TriggerAnswer
  states(state: S): unknown[]
  merge(left: S, right: S): void
  finished?(state: S): boolean
}): Trigger<T, S> {
  const { parts } = options
  const mergeable = parts.every((part) => part.merge !== undefined)
  return {
    description: options.description,
    create: () => options.create(),
    onRecord: (value, timeMs, state, context) =>
      options.answer(state, (part, of) => part.onRecord(value, timeMs, of, context), context),
    onEventTime: (timeMs, state, context) =>
      options.answer(state, (part, of) => part.onEventTime?.(timeMs, of, context) ?? "continue", context),
    onProcessingTime: (timeMs, state, context) =>
      options.answer(state, (part, of) => part.onProcessingTime?.(timeMs, of, context) ?? "continue", context),
    ...(mergeable && {
      merge(left: S, right: S, context: TriggerContext): S {
        const [mine, others] = [options.states(left), options.states(right)]
        for (const [index, part] of parts.entries()) mine[index] = part.merge!(mine[index], others[index], context)
        options.merge(left, right)
        return left
      },
    }),
    onResize(state, context) {
      for (const [index, part] of parts.entries()) part.onResize?.(options.states(state)[index], context)
    },
    ...(options.finished === undefined ? {} : { finished: (state: S) => options.finished!(state) }),
    firesOnlyAtEnd: parts.every((part) => part.firesOnlyAtEnd === true),
  }
}

/** Two answers at one time. */
export function both(left: TriggerAnswer, right: TriggerAnswer): TriggerAnswer {
  const fire = fires(left) || fires(right)
  const purge = purges(left) || purges(right)
  return fire ? (purge ? "fire-and-purge" : "fire") : purge ? "purge" : "continue"
}

export function namesOf(parts: readonly { readonly description: string }[]): string {
  return parts.map(({ description }) => description).join(", ")
}
