import type { Operator, Output } from "../contracts/index.ts"

/** Shows each record to `fn` and hands it on as it is. */
export class TapOperator<T> implements Operator<T, T> {
  readonly #fn: (value: T, timeMs: number) => void

  constructor(options: { readonly fn: (value: T, timeMs: number) => void }) {
    this.#fn = options.fn
  }

  onRecord(value: T, timeMs: number, out: Output<T>): void {
    this.#fn(value, timeMs)
    out.emit(value, timeMs)
  }
}
