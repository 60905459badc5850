import type { Operator, Output } from "../contracts/index.ts"

/** Hands on `fn` of each record, at the record's time. */
export class MapOperator<In, Out> implements Operator<In, Out> {
  readonly #fn: (value: In) => Out

  constructor(options: { readonly fn: (value: In) => Out }) {
    this.#fn = options.fn
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    out.emit(this.#fn(value), timeMs)
  }
}
