import type { Aggregate, Operator, OperatorContext, Output } from "../contracts/index.ts"
import { type Key, type KeyedStore, type StateCodec, stateCodecOf } from "../state/index.ts"

export interface KeyedAggregateOptions<In, K extends Key, Acc, R, Out> {
  readonly keyOf: (value: In) => K
  readonly aggregate: Aggregate<In, Acc, R>
  /** What is handed on for a key and its aggregate so far, e.g. `combined.keyed`. */
  readonly result: (key: K, value: R) => Out
}

/**
 * A running aggregate: hands on the key's aggregate so far for every record, at the record's time.
 *
 * State: one accumulator per key, for as long as the job runs.
 */
export class KeyedAggregateOperator<In, K extends Key, Acc, R, Out> implements Operator<In, Out> {
  readonly #keyOf: (value: In) => K
  readonly #aggregate: Aggregate<In, Acc, R>
  readonly #result: (key: K, value: R) => Out
  readonly #codec: StateCodec<Acc> | undefined
  #context!: OperatorContext
  #accumulators!: KeyedStore<Acc>

  constructor(options: KeyedAggregateOptions<In, K, Acc, R, Out>) {
    this.#keyOf = options.keyOf
    this.#aggregate = options.aggregate
    this.#result = options.result
    this.#codec = stateCodecOf<Acc>(options.aggregate, "the aggregate")
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#accumulators = context.keyedStore("aggregate", this.#codec)
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    const key = this.#keyOf(value)
    const keyHash = this.#context.keyHash
    const before = this.#accumulators.get(key, keyHash)
    const accumulator = this.#aggregate.add(before === undefined ? this.#aggregate.create() : before, value)
    // Also when `add` changed it in place: a store that keeps track of changes has to hear of it.
    this.#accumulators.set(key, keyHash, accumulator)
    out.emit(this.#result(key, this.#aggregate.result(accumulator)), timeMs)
  }
}
