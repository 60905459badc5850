import { describe, EngineError } from "../errors/index.ts"

/**
 * A moment as a record tells it: epoch ms, a Date, or a text of ISO 8601 with a zone ("2024-05-01T12:00:00Z",
 * "2024-05-01T14:00:00+02:00") or without a time of day ("2024-05-01": midnight in UTC).
 */
export type EventTime = number | Date | string

/** As far from 1970 as a Date reaches: some 270,000 years. Beyond, it is a number of something else. */
const MAX_TIME_MS = 8.64e15
const ISO = /^[+-]?\d{4,6}-\d\d-\d\d(?<clock>[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?<zone>(?<=:.*)(?:Z|[+-]\d\d:\d\d))?$/i

/** Whole epoch ms, a fraction rounded down; NaN when `given` is no moment: then `badTime` says why. */
export function eventTimeMs(given: unknown): number {
  if (typeof given === "number") return given >= -MAX_TIME_MS && given <= MAX_TIME_MS ? Math.floor(given) : Number.NaN
  if (typeof given === "string") return textMs(given)
  return given instanceof Date ? given.getTime() : Number.NaN
}

/** Why something is no event time. */
export interface BadTime {
  readonly code: "EVENT_TIME_MISSING" | "EVENT_TIME_INVALID"
  readonly reason: string
}

/** Says why `eventTimeMs` answered NaN. */
export function badTime(given: unknown): BadTime {
  if (given === undefined || given === null) {
    return { code: "EVENT_TIME_MISSING", reason: `its event time is ${given}` }
  }
  return { code: "EVENT_TIME_INVALID", reason: `its event time is ${describe(given, 80)}, ${whyInvalid(given)}` }
}

/** A time that must be one. @throws {EngineError} WATERMARK_INVALID */
export function watermarkMsOf(given: unknown, what: string): number {
  const ms = eventTimeMs(given)
  if (!Number.isNaN(ms)) return ms
  throw new EngineError(
    "WATERMARK_INVALID",
    `Cannot use ${describe(given, 80)} as a watermark: ${what} answered it; answer epoch milliseconds or a Date, or nothing when there is no new watermark (the end of input is noticed without it)`,
  )
}

function textMs(text: string): number {
  return ISO.test(text) && !lacksZone(text) ? Date.parse(text.replace(" ", "T")) : Number.NaN
}

/** A time of day without a zone means something else on another computer. */
function lacksZone(text: string): boolean {
  const parts = ISO.exec(text)?.groups
  return parts?.clock !== undefined && parts.zone === undefined
}

function whyInvalid(given: unknown): string {
  switch (typeof given) {
    case "number":
      return Number.isFinite(given)
        ? "which is too large for milliseconds; divide microseconds by 1e3 and nanoseconds by 1e6"
        : "which is no moment"
    case "bigint":
      return "a bigint; turn it into a number of milliseconds"
    case "string":
      return lacksZone(given)
        ? 'which names no time zone, so that it would mean something else on another computer; add "Z" or an offset such as "+02:00"'
        : 'which is no text of ISO 8601 such as "2024-05-01T12:00:00Z"; parse it in the time function'
    case "object":
      return given instanceof Date
        ? "an invalid Date"
        : "where epoch milliseconds, a Date or an ISO 8601 text is needed"
    default:
      return "where epoch milliseconds, a Date or an ISO 8601 text is needed"
  }
}
