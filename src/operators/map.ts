import type { Operator, Output } from "../contracts/index.ts"
import type { StraightStep } from "./straight-step.ts"

/** Hands on `fn` of each record, at the record's time. */
export class MapOperator<In, Out> implements Operator<In, Out> {
  readonly step: StraightStep
  readonly #fn: (value: In) => Out

  constructor(options: { readonly fn: (value: In) => Out }) {
    this.#fn = options.fn
    this.step = { kind: "map", fn: options.fn }
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    out.emit(this.#fn(value), timeMs)
  }
}
