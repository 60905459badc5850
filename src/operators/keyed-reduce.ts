import type { Operator, OperatorContext, Output } from "../contracts/index.ts"
import type { Key, KeyedStore } from "../state/index.ts"

/**
 * Folds the records of each key with `fn` and hands on the new value for every record, at the record's time. The first
 * record of a key is its first value. An `undefined` value counts as none: the next record starts anew.
 *
 * State: one value per key, for as long as the job runs.
 */
export class KeyedReduceOperator<T> implements Operator<T, T> {
  readonly #keyOf: (value: T) => Key
  readonly #fn: (soFar: T, value: T) => T
  #context!: OperatorContext
  #values!: KeyedStore<T>

  constructor(options: { readonly keyOf: (value: T) => Key; readonly fn: (soFar: T, value: T) => T }) {
    this.#keyOf = options.keyOf
    this.#fn = options.fn
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#values = context.keyedStore("reduce")
  }

  onRecord(value: T, timeMs: number, out: Output<T>): void {
    const key = this.#keyOf(value)
    const keyHash = this.#context.keyHash
    const soFar = this.#values.get(key, keyHash)
    const reduced = soFar === undefined ? value : this.#fn(soFar, value)
    this.#values.set(key, keyHash, reduced)
    out.emit(reduced, timeMs)
  }
}
