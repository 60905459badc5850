import { iterableSource } from "../connectors/memory/index.ts"
import type { Source } from "../contracts/index.ts"
import { closest, describe as describeValue, EngineError } from "../errors/index.ts"
import type { LogicalGraph } from "../plan/index.ts"
import { DEFAULT_KEY_GROUPS } from "../state/index.ts"
import { GraphBuilder, type InlineRunner, type PipelineTime } from "./graph-builder.ts"
import { resolveEventTime, type SourceOptions } from "./source-options.ts"
import { mainOf, Stream } from "./stream.ts"

/** Marks pipelines across module instances, where instanceof fails. */
export const PIPELINE_BRAND: unique symbol = Symbol.for("millrace.pipeline") as never

/** Values a pipeline is run with. Plain, cloneable data. */
export type Params = Readonly<Record<string, unknown>>

export interface PipelineOptions<P extends Params> {
  /** Names and default values of the params; `--param name=value` and `run(..., { params })` override them. */
  readonly params?: P
  /** Units of keyed state, fixed for the life of a job: the bound of keyed parallelism. 1..32768, default 128. */
  readonly keyGroups?: number
  /**
   * What time is in this pipeline. Default `event`: what each source's `time` says. `ingestion`: sources without a `time` stamp
   * their records with the clock. `processing`: windows go by the clock, and records need no time.
   */
  readonly time?: PipelineTime
}

/** What a pipeline function gets. */
export interface PipelineContext<P extends Params> {
  /** Begins a stream from a connector, or from any iterable or async iterable. */
  source<T>(source: Source<T> | Iterable<T> | AsyncIterable<T>, options?: SourceOptions<NoInfer<T>>): Stream<T>
  /** The params, with defaults filled in. */
  readonly params: P
}

/** A described pipeline: what a pipeline module exports as default. */
export interface Pipeline<P extends Params = Params> {
  readonly [PIPELINE_BRAND]: true
  readonly name: string
  readonly params: P
  /** Describes the graph anew. Called once in the main thread and once in every worker, with the same params. */
  build(params?: Params): LogicalGraph
}

/**
 * Describes a pipeline. The function runs in the main thread and in every worker, so it must describe the same graph each
 * time; the functions it hands to operators may close over anything in their module.
 *
 * @example export default pipeline("words", ({ source }) => { source(textLines("in.txt")).flatMap((l) => l.split(" ")).print() })
 * @throws {EngineError} NAME_INVALID, KEY_GROUPS_INVALID; and from build: PARAM_UNKNOWN, PARAM_INVALID
 */
export function pipeline<P extends Params = Readonly<Record<never, never>>>(
  name: string,
  describe: (context: PipelineContext<P>) => void,
  options: PipelineOptions<P> = {},
): Pipeline<P> {
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    throw new EngineError(
      "NAME_INVALID",
      `Cannot name a pipeline ${JSON.stringify(name)}: a name begins with a letter or digit and holds only letters, digits, "-", "_" and "."`,
    )
  }
  const keyGroups = options.keyGroups ?? DEFAULT_KEY_GROUPS
  if (!Number.isSafeInteger(keyGroups) || keyGroups < 1 || keyGroups > 32_768) {
    throw new EngineError(
      "KEY_GROUPS_INVALID",
      `Cannot use ${keyGroups} key groups in pipeline "${name}": give a whole number from 1 to 32768`,
    )
  }
  const time = options.time ?? "event"
  if (time !== "event" && time !== "ingestion" && time !== "processing") {
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot use ${describeValue(time)} as the time of pipeline "${name}": it is "event", "ingestion" or "processing"`,
    )
  }
  const defaults = (options.params ?? {}) as P
  return {
    [PIPELINE_BRAND]: true,
    name,
    params: defaults,
    build(given: Params = {}): LogicalGraph {
      const graph = new GraphBuilder({ jobName: name, keyGroups, time })
      describe({
        params: mergeParams(name, defaults, given),
        source: (source, sourceOptions) => addSource(graph, source, sourceOptions),
      })
      return graph.build()
    },
  }
}

/**
 * The inline form: a stream from data at hand, run on the calling thread by `.toArray()`. For scripts and tests.
 * @example await from([1, 2, 3]).map((n) => n * 2).toArray()
 */
export function inlineFrom<T>(
  runner: InlineRunner,
  source: Source<T> | Iterable<T> | AsyncIterable<T>,
  options?: SourceOptions<T>,
): Stream<T> {
  const graph = new GraphBuilder({ jobName: "inline", keyGroups: DEFAULT_KEY_GROUPS, inlineRunner: runner })
  return addSource(graph, source, options)
}

function addSource<T>(
  graph: GraphBuilder,
  source: Source<T> | Iterable<T> | AsyncIterable<T>,
  options: SourceOptions<T> = {},
): Stream<T> {
  const resolved = isSource(source) ? source : iterableSource<T>(source, { bounded: !isLive(source) })
  const eventTime = resolveEventTime(options, { time: graph.time, bounded: resolved.bounded })
  const node = graph.add({
    kind: "source",
    role: { type: "source", source: resolved as Source<unknown>, eventTime },
    inputs: [],
  })
  return new Stream<T>(graph, [mainOf(node)])
}

function isSource<T>(value: Source<T> | Iterable<T> | AsyncIterable<T>): value is Source<T> {
  return typeof (value as Source<T>).splits === "function" && typeof (value as Source<T>).read === "function"
}

/** Whether it may go on for ever: what is iterated asynchronously may wait for the world at any record. */
function isLive(source: Iterable<unknown> | AsyncIterable<unknown>): boolean {
  return (
    Symbol.asyncIterator in Object(source) ||
    Object.prototype.toString.call(source) === "[object AsyncGeneratorFunction]"
  )
}

/** Defaults overridden by what is given; a text is turned into the default's type (command lines give texts). */
function mergeParams<P extends Params>(pipelineName: string, defaults: P, given: Params): P {
  const merged: Record<string, unknown> = { ...defaults }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      const near = closest(name, Object.keys(defaults))
      throw new EngineError(
        "PARAM_UNKNOWN",
        `Cannot set param "${name}": pipeline "${pipelineName}" has ${Object.keys(defaults).length === 0 ? "no params" : `only ${Object.keys(defaults).join(", ")}`}${near === undefined ? "" : `; did you mean "${near}"?`}`,
        { details: { param: name } },
      )
    }
    merged[name] = typeof value === "string" ? fromText(name, value, defaults[name]) : value
  }
  return merged as P
}

function fromText(name: string, text: string, like: unknown): unknown {
  if (typeof like === "number") {
    const value = Number(text)
    if (text.trim() === "" || Number.isNaN(value)) throw paramInvalid(name, text, "a number")
    return value
  }
  if (typeof like === "boolean") {
    if (text === "true" || text === "false") return text === "true"
    throw paramInvalid(name, text, "true or false")
  }
  return text
}

function paramInvalid(name: string, text: string, wanted: string): EngineError {
  return new EngineError(
    "PARAM_INVALID",
    `Cannot set param "${name}" to ${JSON.stringify(text)}: its default shows that it must be ${wanted}`,
  )
}
