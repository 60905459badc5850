/**
 * What a user writes: pipelines and typed streams, which build the logical graph and nothing else.
 * Leans on plan/ and on the operators. Read pipeline.ts, then stream.ts.
 */
export type { AssignTimesOptions } from "./assign-times-options.ts"
export { GraphBuilder, type InlineRunner, type PipelineTime } from "./graph-builder.ts"
export { KeyedStream, type WindowResult } from "./keyed-stream.ts"
export {
  inlineFrom,
  type Params,
  PIPELINE_BRAND,
  type Pipeline,
  type PipelineContext,
  type PipelineOptions,
  pipeline,
} from "./pipeline.ts"
export { SinkHandle } from "./sink-handle.ts"
export type { Alignment, SourceOptions, Watermarks } from "./source-options.ts"
export { ProcessedStream, Stream, WindowResultStream } from "./stream.ts"
export { WindowedStream } from "./windowed-stream.ts"
