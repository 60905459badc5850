/**
 * What users and connectors implement: operators, sources, sinks, aggregates. Types only.
 * Leans on state/ (keyed stores) and records/. Read operator.ts first.
 */
export type { Aggregate, ResultOf } from "./aggregate.ts"
export type { Operator, OperatorContext, OperatorWaiting, Output, OwnEventTime } from "./operator.ts"
export type { Committable, Sink, SinkContext, SinkJobContext, SinkKind, SinkWriter } from "./sink.ts"
export type {
  BadRecordPolicy,
  MalformedRecord,
  Position,
  ReadContext,
  Source,
  SourceBatch,
  Split,
  SplitContext,
} from "./source.ts"
