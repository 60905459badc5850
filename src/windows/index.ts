/**
 * Windows: how event time is cut, and the operator that aggregates in the pieces. Pure. Promises that a record is counted
 * in its window or handed to the late output, never both and never neither, and that results do not depend on the order of
 * arrival. Leans on time/, state/, contracts/, records/ and errors/ alone. Read window-operator.ts first.
 */
export { type TumblingOptions, TumblingWindows, tumbling } from "./tumbling-windows.ts"
export type { TimeWindow } from "./window.ts"
export { LATE_TAG, TumblingWindowOperator, type TumblingWindowOptions } from "./window-operator.ts"
