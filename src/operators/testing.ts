/** Tools for testing operators, apart from index.ts: a running job has no use for them. Read operator-harness.ts first. */
export {
  canonicalSnapshot,
  OperatorCapture,
  type OperatorSnapshot,
  restoreSnapshots,
  takeSnapshot,
} from "./harness-snapshots.ts"
export {
  type Emission,
  HARNESS_WORLDS,
  HarnessContext,
  type HarnessEvent,
  type HarnessInput,
  type HarnessMode,
  type HarnessOptions,
  type HarnessOutput,
  type HarnessResult,
  runOperator,
} from "./operator-harness.ts"
