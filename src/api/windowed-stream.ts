import type { Operator } from "../contracts/index.ts"
import { type Aggregates, combineAggregates } from "../operators/index.ts"
import type { LogicalInput } from "../plan/index.ts"
import type { Key } from "../state/index.ts"
import { LATE_TAG, type TimeWindow, TumblingWindowOperator, type TumblingWindows } from "../windows/index.ts"
import type { GraphBuilder } from "./graph-builder.ts"
import type { WindowResult } from "./keyed-stream.ts"
import { mainOf, Stream, sideOf } from "./stream.ts"

/** The records of each key, grouped into windows. */
export class WindowedStream<T, K extends Key> {
  readonly #graph: GraphBuilder
  readonly #inputs: readonly LogicalInput[]
  readonly #assigner: TumblingWindows

  constructor(graph: GraphBuilder, inputs: readonly LogicalInput[], assigner: TumblingWindows) {
    this.#graph = graph
    this.#inputs = inputs
    this.#assigner = assigner
  }

  /**
   * One record per key and window, once the watermark has reached the window's last millisecond:
   * `{ key, window: { start, end }, ...results }`, with event time `end - 1`. Records too late for their window are in `late`.
   */
  aggregate<A extends Aggregates<T>>(aggregates: A): WindowResultStream<WindowResult<K, A>, T> {
    const keyOf = this.#inputs[0]!.keyOf as (value: unknown) => K
    const assigner = this.#assigner
    const aggregate = combineAggregates<T, A>(aggregates)
    const result = aggregate.windowed<K, TimeWindow>
    const node = this.#graph.add({
      kind: "window",
      role: {
        type: "operator",
        keyed: true,
        create: () => new TumblingWindowOperator({ keyOf, assigner, aggregate, result }) as Operator,
      },
      inputs: this.#inputs,
      sides: [LATE_TAG],
      needsEventTime: true,
    })
    return new WindowResultStream<WindowResult<K, A>, T>(this.#graph, [mainOf(node)])
  }
}

/** Results of windows, and beside them the records that came too late for theirs. */
export class WindowResultStream<R, T> extends Stream<R> {
  /** Records that were too late for their window, unchanged. Counted in the metrics whether or not they are read. */
  get late(): Stream<T> {
    return new Stream<T>(this._graph, [sideOf(this._origins[0]!.node, LATE_TAG)])
  }
}
