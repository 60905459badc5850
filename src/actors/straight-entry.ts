import type { Output } from "../contracts/index.ts"
import type { StraightStep } from "../operators/index.ts"

/** A step of a chain, and how its failures are named. */
export interface NamedStep extends StraightStep {
  failure(error: unknown, value: unknown): Error
}

/**
 * Where records enter a row of operators that each do one call per record: maps, filters, taps. They run as one function,
 * compiled for this row alone, so that the engine's compiler knows every function it calls and can put it in place. Through
 * operators and outputs that all chains of a thread share, it sees many at each call and can do neither.
 *
 * A failure gets the name of the operator whose function threw, and the record that this was given.
 */
export class StraightEntry implements Output<unknown> {
  readonly emit: (value: unknown, timeMs: number) => void
  readonly #steps: readonly NamedStep[]
  readonly #target: Output<unknown>

  private constructor(steps: readonly NamedStep[], target: Output<unknown>) {
    this.#steps = steps
    this.#target = target
    this.emit = compile(steps, target)
  }

  /** The entry of a step in front of `target`, joined with it where that is a row already. */
  static before(target: Output<unknown>, step: NamedStep): StraightEntry {
    if (target instanceof StraightEntry) return new StraightEntry([step, ...target.#steps], target.#target)
    return new StraightEntry([step], target)
  }

  get full(): boolean {
    return this.#target.full
  }
}

type Emit = (value: unknown, timeMs: number) => void

function compile(steps: readonly NamedStep[], target: Output<unknown>): Emit {
  // The source holds nothing of the user's.
  const make = new Function("steps", "target", sourceOf(steps)) as (
    steps: readonly NamedStep[],
    target: Output<unknown>,
  ) => Emit
  return make(steps, target)
}

function sourceOf(steps: readonly NamedStep[]): string {
  const callOf = ({ kind }: NamedStep, index: number): string => {
    switch (kind) {
      case "map":
        return `at = ${index}; record = fn${index}(record)`
      case "filter":
        return `at = ${index}; if (!fn${index}(record)) return`
      case "tap":
        return `at = ${index}; fn${index}(record, timeMs)`
      case "pass":
        return ""
    }
  }
  return `"use strict"
const ${steps.map((_, index) => `fn${index} = steps[${index}].fn`).join(", ")}
return function emit(value, timeMs) {
  let record = value
  let at = 0
  try {
    ${steps.map(callOf).join("\n    ")}
  } catch (error) {
    throw steps[at].failure(error, record)
  }
  target.emit(record, timeMs)
}`
}
