import type { Operator, Output } from "../contracts/index.ts"
import type { StraightStep } from "./straight-step.ts"

/** Hands on the records for which `predicate` is true (or truthy), at their time. The others are gone by the user's wish and not counted. */
export class FilterOperator<T> implements Operator<T, T> {
  readonly step: StraightStep
  readonly #predicate: (value: T) => boolean

  constructor(options: { readonly predicate: (value: T) => boolean }) {
    this.#predicate = options.predicate
    this.step = { kind: "filter", fn: options.predicate }
  }

  onRecord(value: T, timeMs: number, out: Output<T>): void {
    if (this.#predicate(value)) out.emit(value, timeMs)
  }
}
