/**
 * Tools for those who write pipelines, and parts of their own for millrace: `millrace/testing`. Drives a pipeline or a part through random
 * schedules with crashes, and compares with what a plain run gives, or its contract promises. Leans on everything; nothing leans on it.
 * Needs fast-check, an optional peer. Read torture-sink.ts, and ../proving/prove.ts.
 */

export type { Emission, HarnessEvent } from "../operators/testing.ts"
export {
  type Output,
  type OutsideOfSink,
  type Proof,
  type ProofFailure,
  type ProofOptions,
  type ProofStatistics,
  proofText,
  prove,
} from "../proving/index.ts"
export { type OperatorTest, type TestOperatorOptions, testOperator } from "./test-operator.ts"
export { type SinkTorture, type TortureSinkOptions, tortureSink } from "./torture-sink.ts"
export { type SourceTorture, type TortureSourceOptions, tortureSource } from "./torture-source.ts"
