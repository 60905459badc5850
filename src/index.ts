/**
 * The public face of millrace: describe a pipeline, run it, and the contracts to extend it.
 * @example
 * import { pipeline, tumbling, count } from "millrace"
 * export default pipeline("clicks", ({ source }) => { source(clicks, { time: (c) => c.at }).keyBy((c) => c.page).window(tumbling("1m")).aggregate({ clicks: count() }).print() })
 */
export {
  type CheckpointOptions,
  type CompletedCheckpoint,
  type JobEvent,
  type JobHandle,
  type JobResult,
  type JobStatus,
  type RunOptions,
  run,
  type Savepoint,
  type StateOption,
} from "./actors/index.ts"
export {
  type Alignment,
  type AssignTimesOptions,
  type KeyedStream,
  type Params,
  type Pipeline,
  type PipelineContext,
  type PipelineOptions,
  type PipelineTime,
  pipeline,
  type SinkHandle,
  type SourceOptions,
  type Stream,
  type Watermarks,
  type WindowedStream,
  type WindowResult,
  type WindowResultStream,
} from "./api/index.ts"
export { type GenerateOptions, generate } from "./connectors/memory/index.ts"
export { type TransactionalSystem, transactionalSink, type UpsertStore, upsertSink } from "./connectors/sinks/index.ts"
export type {
  Aggregate,
  BadRecordPolicy,
  Committable,
  MalformedRecord,
  Operator,
  OperatorContext,
  OperatorWaiting,
  Output,
  Position,
  ReadContext,
  ResultOf,
  Sink,
  SinkContext,
  SinkJobContext,
  SinkKind,
  SinkWriter,
  Source,
  SourceBatch,
  Split,
  SplitContext,
} from "./contracts/index.ts"
export { EngineError } from "./errors/index.ts"
export { from } from "./inline.ts"
export type { JobMetrics, VertexMetrics, WhyAnswer, WhyReport, WhyStep } from "./observe/index.ts"
export {
  type Aggregates,
  count,
  countDistinct,
  defineAggregate,
  max,
  mean,
  min,
  type ProcessContext,
  type ProcessSpec,
  recordType,
  sum,
  type ValueStateOptions,
  valueState,
} from "./operators/index.ts"
export type { RestartPolicySpec } from "./snapshot/index.ts"
export type { Key, StateCodec } from "./state/index.ts"
export type { Duration, EventTime, WatermarkGenerator } from "./time/index.ts"
export {
  type CalendarOptions,
  calendar,
  countWindow,
  cumulative,
  type Evictor,
  evictors,
  globalWindow,
  type PaneMode,
  type PaneTiming,
  type SessionGap,
  session,
  sliding,
  slidingCount,
  type TimeDomain,
  type TimeWindow,
  type Trigger,
  type TriggerAnswer,
  type TriggerContext,
  triggers,
  tumbling,
  type WindowAssigner,
  type WindowOptions,
  type WindowPane,
  type WindowRecord,
} from "./windows/index.ts"
