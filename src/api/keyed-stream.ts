import type { Operator } from "../contracts/index.ts"
import {
  type AggregateResults,
  type Aggregates,
  combineAggregates,
  KeyedAggregateOperator,
  KeyedReduceOperator,
  type NoStates,
  ProcessOperator,
  type ProcessSpec,
  type StateDeclarations,
} from "../operators/index.ts"
import type { LogicalInput } from "../plan/index.ts"
import { type Key, stateSchemaOf } from "../state/index.ts"
import type { WindowAssigner } from "../windows/index.ts"
import type { GraphBuilder } from "./graph-builder.ts"
import { mainOf, ProcessedStream, Stream } from "./stream.ts"
import { type KeyAndWindow, type WindowedStream, windowed } from "./windowed-stream.ts"

/** Records of type T filed under keys of type K: each key's records go to one subtask, in the order each sender sent them. */
export class KeyedStream<T, K extends Key> {
  readonly #graph: GraphBuilder
  readonly #inputs: readonly LogicalInput[]

  constructor(graph: GraphBuilder, inputs: readonly LogicalInput[]) {
    this.#graph = graph
    this.#inputs = inputs
  }

  /** Combines the records of a key one by one, and emits the new value after each. */
  reduce(fn: (accumulated: T, value: T) => T): Stream<T> {
    const keyOf = this.#keyOf()
    return this.#then("reduce", () => new KeyedReduceOperator<T>({ keyOf, fn }))
  }

  /** Running aggregates: after each record, `{ key, ...results so far }`. */
  aggregate<A extends Aggregates<T>>(aggregates: A): Stream<{ key: K } & AggregateResults<A>> {
    const keyOf = this.#keyOf()
    const aggregate = combineAggregates<T, A>(aggregates)
    return this.#then("aggregate", () => new KeyedAggregateOperator({ keyOf, aggregate, result: aggregate.keyed<K> }))
  }

  /** Groups the records of each key into windows: `tumbling("1h")`, `sliding("1h", "10m")`, `session("20m")`, `countWindow(100)` ... */
  window(assigner: WindowAssigner<T>): WindowedStream<T, K> {
    return windowed<T, K, KeyAndWindow<K>>({ graph: this.#graph, inputs: this.#inputs, keyed: true }, assigner)
  }

  /** An operator of your own, with state and timers per key. `outputs` names the side outputs it emits to. */
  process<R, N extends string = never, S extends StateDeclarations = NoStates>(
    spec: ProcessSpec<T, R, K, S>,
    options?: { readonly outputs?: readonly N[] },
  ): ProcessedStream<R, N> {
    const keyOf = this.#keyOf()
    const node = this.#graph.add({
      kind: "process",
      role: {
        type: "operator",
        keyed: true,
        create: () => new ProcessOperator<T, R, K, S>({ spec, keyOf }) as Operator,
        states: Object.entries(spec.state ?? {}).map(([name, declared]) => stateSchemaOf(name, declared)),
      },
      inputs: this.#inputs,
      sides: options?.outputs ?? [],
    })
    return new ProcessedStream<R, N>(this.#graph, [mainOf(node)])
  }

  #keyOf(): (value: T) => K {
    return this.#inputs[0]!.keyOf as (value: unknown) => K
  }

  #then<R>(kind: string, create: () => Operator<T, R>): Stream<R> {
    const node = this.#graph.add({
      kind,
      role: { type: "operator", keyed: true, create: create as () => Operator },
      inputs: this.#inputs,
    })
    return new Stream<R>(this.#graph, [mainOf(node)])
  }
}

/** What a window's aggregates answer. */
export type WindowResult<K, A> = KeyAndWindow<K> & AggregateResults<A>
