/**
 * Windows: how time is cut, when the pieces emit, and the operators that aggregate in them. Pure. Promises that a record is
 * counted in its windows or handed to the late output, never both and never neither, and that results do not depend on the
 * order of arrival. Leans on time/, state/, contracts/ and errors/ alone. Read create-window-operator.ts first, then
 * aligned-window-operator.ts; docs/design/008-windows.md says why there are three.
 */

export { keyOfLocalResult } from "./_two-phases.ts"
export {
  AlignedWindowOperator,
  type AlignedWindowOptions,
  LATE_TAG,
  type WindowResultOf,
} from "./aligned-window-operator.ts"
export { type CalendarOptions, CalendarWindows, calendar } from "./calendar-windows.ts"
export { CountWindows, countWindow, slidingCount } from "./count-windows.ts"
export {
  checkWindowSpec,
  createLocalWindowOperator,
  createWindowOperator,
  type WindowAssigner,
  type WindowSpec,
  windowWarning,
} from "./create-window-operator.ts"
export { CumulativeWindows, cumulative } from "./cumulative-windows.ts"
export type { Evictor, EvictorOptions, WindowRecord } from "./evictor.ts"
export * as evictors from "./evictors/index.ts"
export { GlobalWindows, globalWindow } from "./global-windows.ts"
export {
  type LocalResult,
  LocalWindowOperator,
  type LocalWindowOptions,
  type Slicing,
} from "./local-window-operator.ts"
export {
  type PaneMode,
  PaneWindowOperator,
  type PaneWindowOptions,
  type WindowContent,
} from "./pane-window-operator.ts"
export { type SessionGap, SessionWindows, session } from "./session-windows.ts"
export { SliceWindowOperator, type SliceWindowOptions } from "./slice-window-operator.ts"
export type { SlicedWindows } from "./sliced-windows.ts"
export { SlidingWindows, sliding } from "./sliding-windows.ts"
export type { Trigger, TriggerAnswer, TriggerContext } from "./trigger.ts"
export * as triggers from "./triggers/index.ts"
export { TumblingWindows, tumbling, type WindowOptions } from "./tumbling-windows.ts"
export type { PaneTiming, TimeDomain, TimeWindow, WindowPane } from "./window.ts"
