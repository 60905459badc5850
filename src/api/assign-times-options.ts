import type { AssignTimesOptions as OperatorOptions } from "../operators/index.ts"
import type { EventTime } from "../time/index.ts"
import { resolveEventTime, type SourceOptions } from "./source-options.ts"

/** How `assignTimes` makes watermarks: as the options of a source of the same names. */
export interface AssignTimesOptions<T> extends Pick<SourceOptions<T>, "outOfOrder" | "watermarks" | "idleAfter"> {
  /** What becomes of a record whose time is missing or none. Default `fail`. */
  readonly badTimes?: "fail" | "skip"
}

/** Checks the options and fills in the defaults. @throws {EngineError} OPTION_INVALID, DURATION_INVALID */
export function resolveAssignedTimes<T>(
  timeOf: (value: T) => EventTime,
  options: AssignTimesOptions<T>,
  bounded: boolean,
): OperatorOptions<T> {
  const { watermarks, tickEveryMs, idleAfterMs } = resolveEventTime<T>(
    { ...options, time: timeOf },
    { time: "event", bounded },
  )!
  return { timeOf, watermarks, tickEveryMs, idleAfterMs, badTimes: options.badTimes ?? "fail" }
}
