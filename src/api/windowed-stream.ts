import type { Aggregate, Operator } from "../contracts/index.ts"
import { type AggregateResults, type Aggregates, combineAggregates } from "../operators/index.ts"
import type { LogicalInput, LogicalNode } from "../plan/index.ts"
import type { Key } from "../state/index.ts"
import { type Duration, durationMs } from "../time/index.ts"
import {
  checkWindowSpec,
  createLocalWindowOperator,
  createWindowOperator,
  type Evictor,
  keyOfLocalResult,
  LATE_TAG,
  type PaneMode,
  type TimeWindow,
  type Trigger,
  type WindowAssigner,
  type WindowContent,
  type WindowPane,
  type WindowResultOf,
  type WindowSpec,
  windowWarning,
} from "../windows/index.ts"
import type { GraphBuilder } from "./graph-builder.ts"
import { mainOf, WindowResultStream } from "./stream.ts"

/** What tells results apart beside what they hold: of a keyed stream, and of all records together. */
export interface KeyAndWindow<K> {
  key: K
  window: TimeWindow
}
export interface WindowOnly {
  window: TimeWindow
}

/** Where a windowed stream comes from. */
export interface WindowedInput {
  readonly graph: GraphBuilder
  readonly inputs: readonly LogicalInput[]
  /** Whether results carry the key; without, one subtask has all windows. */
  readonly keyed: boolean
}

/**
 * Records grouped into windows: of each key, or all together. `Base` is what results carry beside their values.
 * Methods that set something answer a new stream; `aggregate`, `reduce` and `process` say what is made of a window.
 */
export class WindowedStream<T, K extends Key, Base extends object = KeyAndWindow<K>> {
  readonly #input: WindowedInput
  readonly #spec: WindowSpec<T>

  constructor(input: WindowedInput, spec: WindowSpec<T>) {
    this.#input = input
    this.#spec = spec
  }

  /**
   * Keeps windows for so long after the watermark has passed them. A late record within that time fires its window again at
   * once, with all that it holds; later ones go to `late`. Default 0.
   * @throws {EngineError} DURATION_INVALID
   */
  allowedLateness(lateness: Duration): WindowedStream<T, K, Base> {
    return this.#with({ latenessMs: durationMs(lateness, "the allowed lateness of windows") })
  }

  /** Says when windows emit. Default: when the watermark, or the clock, has passed them, and at each late record. */
  trigger(trigger: Trigger<T>): WindowedStream<T, K, Base> {
    return this.#with({ trigger })
  }

  /** Says which records windows let go of when they emit. Windows then keep all of their records. */
  evictor(evictor: Evictor<T>): WindowedStream<T, K, Base> {
    return this.#with({ evictor })
  }

  /**
   * Says what becomes of a window's content when it has emitted: "accumulating", the default, keeps it, so that each pane holds
   * all; "discarding" drops it, so that panes add up; "retracting" keeps it, and before a pane emits the one before once more with
   * `retraction: true`.
   */
  panes(mode: "retracting"): WindowedStream<T, K, Base & { retraction: boolean }>
  panes(mode: "accumulating" | "discarding"): WindowedStream<T, K, Base>
  // biome-ignore lint/suspicious/noExplicitAny: the overloads say what it is
  panes(panes: PaneMode): WindowedStream<T, K, any> {
    return this.#with({ panes })
  }

  /**
   * Adds records up where they are, before they go to the subtask that has their key: for keys that have a large part of all
   * records, which would keep one subtask busy while the others wait. Results are the same (sums of fractions may differ in
   * their last digits). For tumbling, sliding, cumulative and calendar windows of event time, with aggregates or `reduce`.
   * @throws {EngineError} WINDOW_TWO_PHASE_UNSUPPORTED from what follows, for anything else
   */
  twoPhase(): WindowedStream<T, K, Base> {
    return this.#with({ twoPhase: true })
  }

  /**
   * One record per pane: `{ key, window: { start, end }, ...results }`, with event time `end - 1`. The usual window has one pane,
   * once the watermark has reached its last millisecond. Records too late for their window are in `late`.
   * @param toRecord makes another record of the results, e.g. with the pane's number and timing
   */
  aggregate<A extends Aggregates<T>>(aggregates: A): WindowResultStream<Base & AggregateResults<A>, T>
  aggregate<A extends Aggregates<T>, R>(
    aggregates: A,
    toRecord: (results: AggregateResults<A>, pane: WindowPane, key: K) => R,
  ): WindowResultStream<R, T>
  aggregate<A extends Aggregates<T>, R>(
    aggregates: A,
    toRecord?: (results: AggregateResults<A>, pane: WindowPane, key: K) => R,
    // biome-ignore lint/suspicious/noExplicitAny: the overloads say what it is
  ): WindowResultStream<any, T> {
    const aggregate = combineAggregates<T, A>(aggregates)
    const { keyed } = this.#input
    const retracting = this.#spec.panes === "retracting"
    const flat = keyed
      ? aggregate.windowed<K, TimeWindow>
      : (_key: K, window: TimeWindow, results: AggregateResults<A>) => aggregate.windowedAll(window, results)
    const result: WindowResultOf<K, AggregateResults<A>, unknown> = toRecord !== undefined
      ? (key: K, _window: TimeWindow, results: AggregateResults<A>, pane: WindowPane) => toRecord(results, pane, key)
      : retracting
        ? (key: K, window: TimeWindow, results: AggregateResults<A>, { retraction }: WindowPane) => ({
            ...flat(key, window, results),
            retraction,
          })
        : flat
    return this.#to({ kind: "aggregate", aggregate, result })
  }

  /** Combines the records of a window one by one; emits what they add up to. `fn` must not depend on their order. */
  reduce(fn: (accumulated: T, value: T) => T): WindowResultStream<T, T> {
    const aggregate: Aggregate<T, T | null, T> = {
      create: () => null,
      add: (sum, value) => (sum === null ? value : fn(sum, value)),
      merge: (left, right) => (left === null ? right : right === null ? left : fn(left, right)),
      result: (sum) => sum as T,
      // What was emitted belongs to others, and `fn` makes a new value.
      copy: (sum) => sum,
    }
    return this.#to({ kind: "aggregate", aggregate, result: (_key: K, _window: TimeWindow, value: T) => value })
  }

  /**
   * Calls `fn` with all records of a pane, in the order of arrival (of merged sessions, one after the other). It answers any
   * number of records. Keeps every record until its window goes: prefer `aggregate`.
   */
  process<R>(fn: (records: readonly T[], pane: WindowPane, key: K) => Iterable<R>): WindowResultStream<R, T> {
    return this.#to({ kind: "process", process: fn })
  }

  #with(more: Partial<WindowSpec<T>>): WindowedStream<T, K, Base> {
    return new WindowedStream<T, K, Base>(this.#input, { ...this.#spec, ...more })
  }

  /** The first of two phases, with each of the senders. */
  #addLocals<Acc, R, Out>(content: WindowContent<T, K, Acc, R, Out>): LogicalNode[] {
    const { graph, inputs } = this.#input
    const spec = this.#spec
    return inputs.map(({ node, side, keyOf }) =>
      graph.add({
        kind: "window-local",
        role: {
          type: "operator",
          keyed: false,
          create: () => createLocalWindowOperator(spec, keyOf as (value: unknown) => K, content) as Operator,
        },
        inputs: [{ node, side, exchange: "auto", keyOf: undefined }],
      }),
    )
  }

  #to<Acc, R, Out>(content: WindowContent<T, K, Acc, R, Out>): WindowResultStream<Out, T> {
    const { graph, keyed } = this.#input
    const spec = this.#spec
    checkWindowSpec(spec, content.kind)
    const keyOf = this.#input.inputs[0]!.keyOf as (value: unknown) => K
    const locals = spec.twoPhase === true ? this.#addLocals(content) : []
    const inputs = locals.length > 0 ? locals.map(inputOf) : this.#input.inputs
    const { kind, time } = spec.assigner
    const ends = kind !== "count" && kind !== "global"
    const warning = windowWarning(spec)
    const node = graph.add({
      kind: "window",
      role: { type: "operator", keyed: true, create: () => createWindowOperator(spec, keyOf, content) as Operator },
      inputs,
      sides: [LATE_TAG],
      // Where nothing can be late, nobody need read it.
      optionalSides: ends && time === "event" ? [] : [LATE_TAG],
      warnings: warning === undefined ? [] : [warning],
      needsEventTime: ends && time === "event",
    })
    for (const [index, local] of locals.entries()) {
      local.partOf = { node, suffix: locals.length === 1 ? "local" : `local-${index + 1}` }
    }
    if (!keyed) node.parallelism = 1
    return new WindowResultStream<Out, T>(graph, [mainOf(node)])
  }
}

/** Of the first phase, as the second takes it. */
function inputOf(node: LogicalNode): LogicalInput {
  return { node, side: undefined, exchange: "auto", keyOf: keyOfLocalResult as (value: unknown) => Key }
}

/** Begins windows over a stream. */
export function windowed<T, K extends Key, Base extends object>(
  input: WindowedInput,
  assigner: WindowAssigner<T>,
): WindowedStream<T, K, Base> {
  // Windows whose time the user did not say go by the pipeline's.
  const byClock = input.graph.time === "processing" && "timeIsDefault" in assigner && assigner.timeIsDefault
  return new WindowedStream<T, K, Base>(input, { assigner: byClock ? assigner.inTime("processing") : assigner })
}
