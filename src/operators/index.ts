/**
 * The steps of a pipeline that are not windows, each an `Operator`, one per file; and the aggregates. Pure: they know no
 * thread and no clock. Promise: nothing is emitted past a full output but what a single call of a user's function emits.
 * Lean on contracts/, state/, time/, records/ and errors/. Read flat-map.ts first: it is the smallest resumable one.
 */
export * from "./aggregates/index.ts"
export { AssignTimesOperator, type AssignTimesOptions } from "./assign-times.ts"
export { FilterOperator } from "./filter.ts"
export { FlatMapOperator } from "./flat-map.ts"
export { KeyedAggregateOperator, type KeyedAggregateOptions } from "./keyed-aggregate.ts"
export { KeyedReduceOperator } from "./keyed-reduce.ts"
export { MapOperator } from "./map.ts"
export { PassOnOperator } from "./pass-on.ts"
export { ProcessOperator, type ProcessOperatorOptions } from "./process-operator.ts"
export {
  type NoStates,
  type ProcessContext,
  type ProcessInfo,
  type ProcessSpec,
  type ProcessTimers,
  type RecordType,
  recordType,
  type StateDeclarations,
  type ValueState,
  type ValueStateDeclaration,
  type ValueStateOptions,
  valueState,
} from "./process-spec.ts"
export { SINK_BATCH_RECORDS, SinkOperator } from "./sink-operator.ts"
export { SplitOperator } from "./split.ts"
export { type StraightStep, straightStepOf } from "./straight-step.ts"
export { TapOperator } from "./tap.ts"
