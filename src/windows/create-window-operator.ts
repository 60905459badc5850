import type { Operator } from "../contracts/index.ts"
import { EngineError, invariant } from "../errors/index.ts"
import type { Key } from "../state/index.ts"
import { keyOfLocalResult, mergingAggregate, recordOfLocalResult } from "./_two-phases.ts"
import { AlignedWindowOperator } from "./aligned-window-operator.ts"
import type { CalendarWindows } from "./calendar-windows.ts"
import type { CountWindows } from "./count-windows.ts"
import type { CumulativeWindows } from "./cumulative-windows.ts"
import type { Evictor } from "./evictor.ts"
import type { GlobalWindows } from "./global-windows.ts"
import { type LocalResult, LocalWindowOperator, type Slicing } from "./local-window-operator.ts"
import { type PaneMode, PaneWindowOperator, type WindowContent } from "./pane-window-operator.ts"
import type { SessionWindows } from "./session-windows.ts"
import { SliceWindowOperator } from "./slice-window-operator.ts"
import type { SlidingWindows } from "./sliding-windows.ts"
import type { Trigger } from "./trigger.ts"
import { count, eventTime, processingTime } from "./triggers/index.ts"
import type { TumblingWindows } from "./tumbling-windows.ts"

/** How records are put into windows. */
export type WindowAssigner<T = unknown> =
  | TumblingWindows
  | SlidingWindows
  | CumulativeWindows
  | CalendarWindows
  | SessionWindows<T>
  | CountWindows
  | GlobalWindows

/** All that was said about the windows of one operator, but for what is made of them. */
export interface WindowSpec<T> {
  readonly assigner: WindowAssigner<T>
  readonly trigger?: Trigger<T> | undefined
  readonly evictor?: Evictor<T> | undefined
  readonly panes?: PaneMode | undefined
  /** ms */
  readonly latenessMs?: number | undefined
  /** Records are added up where they are before what they add up to goes to the subtask that has their key. */
  readonly twoPhase?: boolean | undefined
}

/**
 * Makes the operator for windows: the cheapest that can do what is asked. Results do not depend on which it is.
 * @throws {EngineError} as `checkWindowSpec`
 */
export function createWindowOperator<In, K extends Key, Acc, R, Out>(
  spec: WindowSpec<In>,
  keyOf: (value: In) => K,
  content: WindowContent<In, K, Acc, R, Out>,
): Operator<In, Out> {
  checkWindowSpec(spec, content.kind)
  if (spec.twoPhase === true) return createMergingOperator<In, K, Acc, R, Out>(spec, content) as Operator<In, Out>
  const { assigner, evictor, panes = "accumulating", latenessMs = 0 } = spec
  // With one pane per window it makes no difference what becomes of its content.
  const onePane = spec.trigger === undefined && latenessMs === 0
  if (
    content.kind === "aggregate" &&
    spec.trigger === undefined &&
    evictor === undefined &&
    assigner.time === "event"
  ) {
    const { aggregate, result } = content
    if (onePane || panes === "accumulating") {
      if (assigner.kind === "tumbling" || assigner.kind === "calendar") {
        return new AlignedWindowOperator({ keyOf, assigner, aggregate, result, latenessMs })
      }
      if (assigner.kind === "sliding" || assigner.kind === "cumulative") {
        return new SliceWindowOperator({ keyOf, assigner, aggregate, result, latenessMs })
      }
    }
  }
  const trigger = spec.trigger ?? usualTrigger(assigner)
  return new PaneWindowOperator({ keyOf, assigner, content, trigger, evictor, panes, latenessMs })
}

/**
 * Makes the operator of the first of two phases. The other is what `createWindowOperator` makes.
 * @throws {EngineError} as `checkWindowSpec`
 */
export function createLocalWindowOperator<In, K extends Key, Acc, R, Out>(
  spec: WindowSpec<In>,
  keyOf: (value: In) => K,
  content: WindowContent<In, K, Acc, R, Out>,
): Operator<In, LocalResult<K>> {
  const assigner = checkTwoPhases(spec, content.kind)
  const { aggregate } = aggregateOf(content)
  const slicing: Slicing =
    "sliceOf" in assigner
      ? assigner
      : {
          sliceOf: (timeMs) => assigner.startOf(timeMs),
          sliceEndOf: (start) => assigner.endOf(start),
          firstEndOf: (start) => assigner.endOf(start),
        }
  return new LocalWindowOperator({ keyOf, slicing, aggregate })
}

function createMergingOperator<In, K extends Key, Acc, R, Out>(
  spec: WindowSpec<In>,
  content: WindowContent<In, K, Acc, R, Out>,
): Operator<LocalResult<K>, Out> {
  const assigner = checkTwoPhases(spec, content.kind)
  const { aggregate, result } = aggregateOf(content)
  const { latenessMs = 0 } = spec
  const common = { keyOf: keyOfLocalResult<K>, result, latenessMs, recordOf: recordOfLocalResult }
  return "sliceOf" in assigner
    ? new SliceWindowOperator({ ...common, assigner, aggregate: mergingAggregate<In, K, Acc, R>(aggregate, true) })
    : new AlignedWindowOperator({ ...common, assigner, aggregate: mergingAggregate<In, K, Acc, R>(aggregate, false) })
}

function aggregateOf<In, K extends Key, Acc, R, Out>(content: WindowContent<In, K, Acc, R, Out>) {
  invariant(content.kind === "aggregate", "two phases are made of what is no aggregate")
  return content
}

/** @throws {EngineError} WINDOW_TWO_PHASE_UNSUPPORTED */
function checkTwoPhases<T>(
  { assigner, trigger, evictor, panes }: WindowSpec<T>,
  content: "aggregate" | "process",
): TumblingWindows | CalendarWindows | SlidingWindows | CumulativeWindows {
  const { kind, description } = assigner
  const refuse = (why: string): EngineError => twoPhaseUnsupported(description, why)
  if (kind === "session" || kind === "count" || kind === "global") {
    throw refuse("where such a window begins or ends is known only where all records of its key are")
  }
  if (assigner.time === "processing")
    throw refuse("windows that go by the clock fire without waiting for what is on its way")
  if (content === "process") throw refuse(".process() gets every record as it is, so there is nothing to add up")
  if (trigger !== undefined || evictor !== undefined) throw refuse("a trigger or evictor looks at single records")
  if (panes !== undefined && panes !== "accumulating") throw refuse(`${panes} panes need all records in one place`)
  return assigner
}

function twoPhaseUnsupported(windows: string, why: string): EngineError {
  return new EngineError(
    "WINDOW_TWO_PHASE_UNSUPPORTED",
    `Cannot aggregate ${windows} in two phases: ${why}; leave out .twoPhase(), or use tumbling, sliding, cumulative or calendar ` +
      "windows of event time with aggregates",
    { details: { windows } },
  )
}

function usualTrigger(assigner: WindowAssigner<never>): Trigger {
  if (assigner.kind === "count") return count(assigner.slide) as Trigger
  return (assigner.time === "processing" ? processingTime() : eventTime()) as Trigger
}

/**
 * @throws {EngineError} WINDOW_OPTION_INVALID, WINDOW_TRIGGER_NO_MERGE, WINDOW_TWO_PHASE_UNSUPPORTED for what cannot go
 * together
 */
export function checkWindowSpec<T>(spec: WindowSpec<T>, content: "aggregate" | "process"): void {
  const { assigner, trigger, evictor, panes, latenessMs = 0 } = spec
  const { kind, time } = assigner
  if (spec.twoPhase === true) checkTwoPhases(spec, content)
  if (latenessMs > 0 && (time === "processing" || kind === "count" || kind === "global")) {
    throw optionInvalid(
      "allow lateness",
      assigner,
      "only windows of event time that end have late records; leave it out",
    )
  }
  if (kind === "count" && (trigger !== undefined || evictor !== undefined)) {
    throw optionInvalid(
      "set a trigger or an evictor",
      assigner,
      "their size and slide are one; use globalWindow() with a trigger of your own",
    )
  }
  if (panes === "retracting" && content === "process") {
    throw optionInvalid(
      "retract panes",
      assigner,
      "what .process() emitted cannot be told apart; use .aggregate(), or keep what you emitted in state of your own",
    )
  }
  if (kind === "session" && trigger !== undefined && trigger.merge === undefined) {
    throw new EngineError(
      "WINDOW_TRIGGER_NO_MERGE",
      `Cannot use the trigger ${trigger.description} for sessions: it has no \`merge\`, and sessions become one when they touch; ` +
        "give it one that joins its states, or use windows that do not merge",
      { details: { trigger: trigger.description } },
    )
  }
}

/** What a user should know that is no error, when nothing else tells. */
export function windowWarning<T>({ assigner, trigger }: WindowSpec<T>): string | undefined {
  if (assigner.kind !== "global" || (trigger !== undefined && trigger.firesOnlyAtEnd !== true)) return undefined
  const by = trigger === undefined ? "has no trigger" : `has the trigger ${trigger.description}`
  return `its global window ${by}, so it fires at the end of input only, and keeps its content until then; give it one such as triggers.count(1000)`
}

function optionInvalid(
  attempt: string,
  { description }: { readonly description: string },
  remedy: string,
): EngineError {
  return new EngineError("WINDOW_OPTION_INVALID", `Cannot ${attempt} for ${description}: ${remedy}`, {
    details: { windows: description },
  })
}
