import { collectSink, type PrintOptions, printSink } from "../connectors/memory/index.ts"
import type { Operator, Sink } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import {
  AssignTimesOperator,
  FilterOperator,
  FlatMapOperator,
  MapOperator,
  type NoStates,
  ProcessOperator,
  type ProcessSpec,
  SplitOperator,
  type StateDeclarations,
  TapOperator,
} from "../operators/index.ts"
import type { Exchange, LogicalInput, LogicalNode } from "../plan/index.ts"
import type { Key } from "../state/index.ts"
import type { EventTime } from "../time/index.ts"
import { LATE_TAG, type WindowAssigner } from "../windows/index.ts"
import { type AssignTimesOptions, resolveAssignedTimes } from "./assign-times-options.ts"
import { type GraphBuilder, setName, setParallelism } from "./graph-builder.ts"
import { KeyedStream } from "./keyed-stream.ts"
import { SinkHandle } from "./sink-handle.ts"
import { type WindowedStream, type WindowOnly, windowed } from "./windowed-stream.ts"

/** Where a stream's records come from: one output of one operator, and how they go on from there. */
export interface Origin {
  readonly node: LogicalNode
  readonly side: string | undefined
  readonly exchange: Exchange | "auto"
}

/**
 * Records of type T on their way. Methods describe the next operator and answer its output; nothing runs until the job
 * does. Streams are values: using one twice sends every record both ways.
 */
export class Stream<T> {
  /** For the api folder only. */
  readonly _graph: GraphBuilder
  readonly _origins: readonly Origin[]

  constructor(graph: GraphBuilder, origins: readonly Origin[]) {
    this._graph = graph
    this._origins = origins
  }

  /** Gives the operator that makes this stream a stable id: for plans, metrics, `--set name.parallelism=n`, and state. */
  name(id: string): this {
    setName(this.#ownNode("name"), id)
    return this
  }

  /** How many subtasks run the operator that makes this stream. Default: the job's parallelism. */
  parallelism(subtasks: number): this {
    setParallelism(this.#ownNode("parallelism"), subtasks)
    return this
  }

  /** One record out for each record in. `fn` must not change its argument. */
  map<R>(fn: (value: T) => R): Stream<R> {
    return this._then("map", () => new MapOperator<T, R>({ fn }))
  }

  /** Keeps the records for which `predicate` answers true. */
  filter<S extends T>(predicate: (value: T) => value is S): Stream<S>
  filter(predicate: (value: T) => boolean): Stream<T>
  filter(predicate: (value: T) => boolean): Stream<T> {
    return this._then("filter", () => new FilterOperator<T>({ predicate }))
  }

  /** Any number of records out for each record in: `fn` answers an array or any iterable, read lazily under backpressure. */
  flatMap<R>(fn: (value: T) => Iterable<R>): Stream<R> {
    return this._then("flatMap", () => new FlatMapOperator<T, R>({ fn }))
  }

  /**
   * Gives records another event time, and makes the watermark of what follows: for times that are known only on the way. Prefer
   * the source's `time` where it will do: there each split has a watermark of its own, here each subtask has.
   */
  assignTimes(timeOf: (value: T) => EventTime, options: AssignTimesOptions<T> = {}): Stream<T> {
    const resolved = resolveAssignedTimes(
      timeOf,
      options,
      this._origins.every(({ node }) => isBounded(node)),
    )
    const node = this._graph.add({
      kind: "assignTimes",
      role: {
        type: "operator",
        keyed: false,
        assignsTimes: true,
        create: () => new AssignTimesOperator<T>(resolved) as Operator,
      },
      inputs: this._inputs(),
    })
    return new Stream<T>(this._graph, [mainOf(node)])
  }

  /** Calls `fn` for each record and passes the record on unchanged. */
  tap(fn: (value: T) => void): Stream<T> {
    return this._then("tap", () => new TapOperator<T>({ fn }))
  }

  /** Files records under a key, for state, aggregates and windows. A key is a string, number, boolean, bigint, or an array of these. */
  keyBy<K extends Key>(keyOf: (value: T) => K): KeyedStream<T, K> {
    return new KeyedStream<T, K>(this._graph, this._inputs(keyOf as (value: unknown) => Key))
  }

  /**
   * Groups all records into windows, whatever their key. One subtask has them all: with much data, aggregate per key first.
   */
  windowAll(assigner: WindowAssigner<T>): WindowedStream<T, string, WindowOnly> {
    const inputs = this._inputs(() => "")
    return windowed<T, string, WindowOnly>({ graph: this._graph, inputs, keyed: false }, assigner)
  }

  /** This stream's records and those of the others, in no fixed order between them. */
  union<U = T>(...others: readonly Stream<U>[]): Stream<T | U> {
    for (const other of others) {
      if ((other._graph as GraphBuilder) !== this._graph) {
        throw new EngineError(
          "STREAM_FOREIGN",
          "Cannot union streams of two pipelines: build both inside one pipeline function",
        )
      }
    }
    return new Stream<T | U>(this._graph, [...this._origins, ...others.flatMap((other) => other._origins)])
  }

  /**
   * Sends each record to the first named output whose predicate answers true. `rest` holds the others.
   * @example const { late, rest } = flights.split({ late: (f) => f.delay > 15 })
   */
  split<N extends string>(
    predicates: Readonly<Record<N, (value: T) => boolean>>,
  ): Readonly<Record<N | "rest", Stream<T>>> {
    const names = Object.keys(predicates) as N[]
    if (names.includes("rest" as N)) {
      throw new EngineError(
        "SPLIT_NAME_RESERVED",
        'Cannot call an output of split "rest": it is the one for records that no predicate takes; rename yours',
      )
    }
    const node = this._graph.add({
      kind: "split",
      role: { type: "operator", keyed: false, create: () => new SplitOperator<T>({ predicates }) as Operator },
      inputs: this._inputs(),
      sides: names,
    })
    const streams: Record<string, Stream<T>> = { rest: new Stream<T>(this._graph, [mainOf(node)]) }
    for (const name of names) streams[name] = new Stream<T>(this._graph, [sideOf(node, name)])
    return streams as Readonly<Record<N | "rest", Stream<T>>>
  }

  /** Sends every record to every subtask of the next operator. */
  broadcast(): Stream<T> {
    return this.#by("broadcast")
  }

  /** Deals records out evenly to the subtasks of the next operator. */
  rebalance(): Stream<T> {
    return this.#by("rebalance")
  }

  /** Deals records out evenly within groups of subtasks: fewer channels than `rebalance`. */
  rescale(): Stream<T> {
    return this.#by("rescale")
  }

  /** An operator of your own, without keys. `outputs` names the side outputs it emits to. */
  process<R, N extends string = never, S extends StateDeclarations = NoStates>(
    spec: ProcessSpec<T, R, Key, S>,
    options?: { readonly outputs?: readonly N[] },
  ): ProcessedStream<R, N> {
    const outputs = options?.outputs ?? []
    const node = this._graph.add({
      kind: "process",
      role: { type: "operator", keyed: false, create: () => new ProcessOperator<T, R, Key, S>({ spec }) as Operator },
      inputs: this._inputs(),
      sides: outputs,
    })
    return new ProcessedStream<R, N>(this._graph, [mainOf(node)])
  }

  /** Applies a function that extends the pipeline: for parts that several pipelines share. */
  pipe<R>(fn: (stream: Stream<T>) => R): R {
    return fn(this)
  }

  /** Ends the stream in a sink. */
  to(sink: Sink<T>): SinkHandle {
    const node = this._graph.add({
      kind: "sink",
      role: { type: "sink", sink: sink as Sink<unknown> },
      inputs: this._inputs(),
    })
    return new SinkHandle(node)
  }

  /** Prints each record as a line. For trying things out. */
  print(options?: PrintOptions<T>): SinkHandle {
    const node = this._graph.add({
      kind: "print",
      role: { type: "sink", sink: printSink<T>(options) as Sink<unknown> },
      inputs: this._inputs(),
    })
    return new SinkHandle(node)
  }

  /** Gathers all records in memory, for `JobResult.collected`. For trying things out and for tests. */
  collect(): SinkHandle {
    const node = this._graph.add({
      kind: "collect",
      role: { type: "sink", sink: collectSink<T>() as Sink<unknown> },
      inputs: this._inputs(),
    })
    return new SinkHandle(node)
  }

  /**
   * Runs the inline form on the calling thread and answers all records.
   * @throws {EngineError} NOT_INLINE inside a pipeline module: end the stream in a sink there
   */
  async toArray(): Promise<T[]> {
    const runner = this._graph.inlineRunner
    if (runner === undefined) {
      throw new EngineError(
        "NOT_INLINE",
        "Cannot read a pipeline module's stream as an array: end it with .to(sink) or .collect(), or begin with from(...)",
      )
    }
    const node = this.collect()._node
    node.name ??= `toArray-${this._graph.nodes.length}`
    const collected = await runner(this._graph.build())
    return (collected[node.name] ?? []) as T[]
  }

  /** @internal The inputs of an operator that reads this stream. */
  _inputs(keyOf?: (value: unknown) => Key): LogicalInput[] {
    return this._origins.map((origin) => ({
      node: origin.node,
      side: origin.side,
      exchange: keyOf === undefined ? origin.exchange : "hash",
      keyOf,
    }))
  }

  /** @internal Adds a plain operator. */
  _then<R, In = T>(kind: string, create: () => Operator<In, R>): Stream<R> {
    const node = this._graph.add({
      kind,
      role: { type: "operator", keyed: false, create: create as () => Operator },
      inputs: this._inputs(),
    })
    return new Stream<R>(this._graph, [mainOf(node)])
  }

  #by(exchange: Exchange): Stream<T> {
    return new Stream<T>(
      this._graph,
      this._origins.map((origin) => ({ ...origin, exchange })),
    )
  }

  #ownNode(setting: string): LogicalNode {
    const [origin, ...others] = this._origins
    if (origin === undefined || others.length > 0 || origin.exchange !== "auto") {
      throw new EngineError(
        "STREAM_NOT_AN_OPERATOR",
        `Cannot set .${setting}(...) on a stream that no single operator makes (a union, or after broadcast, rebalance or rescale): set it on the operator before or after`,
      )
    }
    return origin.node
  }

  // What needs a key is on KeyedStream. These refuse with the remedy where no compiler did.
  /** @internal */ window(this: never): never {
    return notKeyed("window")
  }
  /** @internal */ aggregate(this: never): never {
    return notKeyed("aggregate")
  }
  /** @internal */ reduce(this: never): never {
    return notKeyed("reduce")
  }
}

function isBounded({ role, inputs }: LogicalNode): boolean {
  return role.type === "source" ? role.source.bounded : inputs.every(({ node }) => isBounded(node))
}

function notKeyed(method: string): never {
  throw new EngineError(
    "PLAN_NOT_KEYED",
    `Cannot call .${method}(...) on a stream without keys: put .keyBy((record) => ...) before it`,
  )
}

/** The output of `process`, with its named side outputs. */
export class ProcessedStream<R, N extends string> extends Stream<R> {
  /** The records emitted with `ctx.emitTo(name, value)`. */
  side<S = unknown>(name: N): Stream<S> {
    const node = this._origins[0]!.node
    if (!node.sides.includes(name)) {
      throw new EngineError(
        "SIDE_OUTPUT_UNKNOWN",
        `Cannot read output "${name}": it is not declared; name it in process(..., { outputs: [${JSON.stringify(name)}] })`,
      )
    }
    return new Stream<S>(this._graph, [sideOf(node, name)])
  }
}

/** Results of windows, and beside them the records that came too late for theirs. */
export class WindowResultStream<R, T> extends Stream<R> {
  /** Records that were too late for their window, unchanged. Counted in the metrics whether or not they are read. */
  get late(): Stream<T> {
    return new Stream<T>(this._graph, [sideOf(this._origins[0]!.node, LATE_TAG)])
  }
}

/** An operator's main output. */
export function mainOf(node: LogicalNode): Origin {
  return { node, side: undefined, exchange: "auto" }
}

/** A named output of an operator. */
export function sideOf(node: LogicalNode, side: string): Origin {
  return { node, side, exchange: "auto" }
}
