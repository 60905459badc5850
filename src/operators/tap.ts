import type { Operator, Output } from "../contracts/index.ts"
import type { StraightStep } from "./straight-step.ts"

/** Shows each record to `fn` and hands it on as it is. */
export class TapOperator<T> implements Operator<T, T> {
  readonly step: StraightStep
  readonly #fn: (value: T, timeMs: number) => void

  constructor(options: { readonly fn: (value: T, timeMs: number) => void }) {
    this.#fn = options.fn
    this.step = { kind: "tap", fn: options.fn }
  }

  onRecord(value: T, timeMs: number, out: Output<T>): void {
    this.#fn(value, timeMs)
    out.emit(value, timeMs)
  }
}
