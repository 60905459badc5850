import type { BadRecordPolicy } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"
import type { AlignmentOptions, EventTimeOptions } from "../plan/index.ts"
import {
  type Duration,
  durationMs,
  type EventTime,
  type WatermarkGenerator,
  type WatermarkSpec,
} from "../time/index.ts"
import type { PipelineTime } from "./graph-builder.ts"

/** How a source's records get their event time, and when it says that none older will come. */
export interface SourceOptions<T> {
  /**
   * Event time of a record: epoch ms, a Date, or an ISO 8601 text with a zone. Or `"ingestion"`: the clock, when the record is
   * read. Without it the stream has no event time, and no event-time windows.
   */
  readonly time?: ((value: T) => EventTime) | "ingestion"
  /** How far a record may be behind the newest before it without being late. Default 0: times never fall within a split. */
  readonly outOfOrder?: Duration
  /** How the watermark is made, where `outOfOrder` does not say it: one of your own for each split. */
  readonly watermarks?: Watermarks<T>
  /** At most one watermark in so long; how often a generator's `onTick` is called (default then 200 ms). Default 0: as they come. */
  readonly watermarkEvery?: Duration
  /**
   * A reader without a record for so long stops holding windows back, until its next record. Default "30s" for sources that
   * may never end, "never" for bounded ones.
   */
  readonly idleAfter?: Duration | "never"
  /** What becomes of a record whose time is missing or none. Default: what the source does with malformed records, `fail`. */
  readonly badTimes?: BadRecordPolicy
  /** Readers that are ahead wait for those that are behind. */
  readonly alignment?: Alignment
}

/**
 * - `"ascending"`: times never fall within a split; the same as `outOfOrder: 0`.
 * - `{ punctuated }`: some records announce a watermark: it answers that, and undefined for all others.
 * - a function that makes a generator for each split.
 */
export type Watermarks<T> =
  | "ascending"
  | { readonly punctuated: (value: T, timeMs: number) => number | Date | undefined }
  | (() => WatermarkGenerator<T>)

/** Who waits for whom. */
export interface Alignment {
  /** How far, in event time, a reader may be ahead of the slowest of its group before it is paused. */
  readonly maxDrift: Duration
  /** Sources of a pipeline that name the same group wait for each other. Default: all that name none. */
  readonly group?: string
}

const DEFAULT_IDLE_AFTER = "30s"
const DEFAULT_TICK_MS = 200

/** Checks the options and fills in the defaults. @returns undefined for a stream without event time @throws {EngineError} SOURCE_TIME_MISSING, OPTION_INVALID, DURATION_INVALID */
export function resolveEventTime<T>(
  options: SourceOptions<T>,
  pipeline: { readonly time: PipelineTime; readonly bounded: boolean },
): EventTimeOptions | undefined {
  const time = options.time ?? (pipeline.time === "ingestion" ? "ingestion" : undefined)
  if (time === undefined) {
    refuseWithout(options, "needs a time: give the source one, e.g. time: (record) => record.timestamp")
    return undefined
  }
  if (time === "ingestion") refuseIngestion(options)
  else if (typeof time !== "function") {
    throw invalid("time", time, 'give a function such as (record) => record.timestamp, or "ingestion"')
  }
  // What is bounded comes to its end: a pause in it is no reason to give a result that the rest would change. And a watermark
  // that follows the clock holds nobody back.
  const never = pipeline.bounded || time === "ingestion"
  const idleAfter = options.idleAfter ?? (never ? "never" : DEFAULT_IDLE_AFTER)
  const watermarks = resolveWatermarks(options)
  const watermarkEveryMs = durationMs(options.watermarkEvery ?? 0, "watermarkEvery")
  const followsClock = time === "ingestion" || typeof options.watermarks === "function"
  return {
    timeOf: time === "ingestion" ? undefined : (time as (value: unknown) => EventTime),
    watermarks,
    watermarkEveryMs,
    tickEveryMs: followsClock ? watermarkEveryMs || DEFAULT_TICK_MS : 0,
    idleAfterMs: idleAfter === "never" ? Number.POSITIVE_INFINITY : durationMs(idleAfter, "idleAfter"),
    badTimes: checkPolicy(options.badTimes),
    alignment: resolveAlignment(options.alignment),
  }
}

function resolveWatermarks<T>({ watermarks, outOfOrder }: SourceOptions<T>): WatermarkSpec {
  if (watermarks === undefined) return { kind: "bounded", boundMs: durationMs(outOfOrder ?? 0, "outOfOrder") }
  if (outOfOrder !== undefined) {
    throw invalid("outOfOrder", outOfOrder, "leave it out: the watermarks option says how watermarks are made")
  }
  if (watermarks === "ascending") return { kind: "bounded", boundMs: 0 }
  if (typeof watermarks === "function") return { kind: "generator", create: watermarks }
  if (typeof watermarks === "object" && watermarks !== null && typeof watermarks.punctuated === "function") {
    const onRecord = watermarks.punctuated as (value: unknown, timeMs: number) => number | Date | undefined
    return { kind: "generator", create: () => ({ onRecord }) }
  }
  throw invalid(
    "watermarks",
    watermarks,
    '"ascending", { punctuated: (record) => ... }, or a function that makes a generator',
  )
}

function resolveAlignment(alignment: Alignment | undefined): AlignmentOptions | undefined {
  if (alignment === undefined) return undefined
  const { group = "default", maxDrift } = alignment
  if (typeof group !== "string" || group === "") throw invalid("alignment.group", group, "give a name")
  return { group, maxDriftMs: durationMs(maxDrift, "alignment.maxDrift") }
}

function checkPolicy(policy: BadRecordPolicy | undefined): BadRecordPolicy | undefined {
  if (policy === undefined || policy === "fail" || policy === "skip") return policy
  if (typeof policy === "object" && typeof policy?.deadLetter === "string" && policy.deadLetter !== "") return policy
  throw invalid("badTimes", policy, 'give "fail", "skip" or { deadLetter: "bad.ndjson" }')
}

/** The clock never falls, and goes on when nothing comes: there is nothing to say about disorder and idleness. */
function refuseIngestion<T>(options: SourceOptions<T>): void {
  for (const name of ["outOfOrder", "watermarks", "idleAfter", "badTimes"] as const) {
    if (options[name] === undefined) continue
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot use ${name} of a source with ingestion time: its records are in the order of the clock, and its watermark follows the clock; leave it out`,
    )
  }
}

function refuseWithout<T>(options: SourceOptions<T>, remedy: string): void {
  for (const name of ["outOfOrder", "watermarks", "watermarkEvery", "idleAfter", "badTimes", "alignment"] as const) {
    if (options[name] === undefined) continue
    throw new EngineError("SOURCE_TIME_MISSING", `Cannot use ${name} of a source without event time: it ${remedy}`)
  }
}

function invalid(option: string, given: unknown, remedy: string): EngineError {
  return new EngineError("OPTION_INVALID", `Cannot use ${describe(given, 80)} as ${option} of a source: ${remedy}`)
}
