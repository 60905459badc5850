import { describe, EngineError } from "../errors/index.ts"

/** A length of time: whole milliseconds, or a number with a unit such as "250ms", "5s", "1.5h". A day is 24 hours. */
export type Duration = number | `${number}${DurationUnit}`
export type DurationUnit = "ms" | "s" | "m" | "h" | "d"

const UNIT_MS: Readonly<Record<DurationUnit, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const PATTERN = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(ms|s|m|h|d)$/

/**
 * The milliseconds in a duration that must not be negative.
 *
 * @param what the option that holds it, for the message: `outOfOrder of the source`
 * @returns a whole number >= 0
 * @throws {EngineError} DURATION_INVALID
 */
export function durationMs(value: Duration, what: string): number {
  const ms = signedDurationMs(value, what)
  if (ms < 0) throw invalid(value, what, "it must not be negative")
  return ms
}

/**
 * As `durationMs`, but the duration may lie before zero (the offset of a window).
 *
 * @throws {EngineError} DURATION_INVALID
 */
export function signedDurationMs(value: Duration, what: string): number {
  const raw = rawMs(value)
  if (raw === undefined) throw invalid(value, what, "it is neither a number nor a number with a unit")
  if (!Number.isFinite(raw)) throw invalid(value, what, "it is not a finite number")
  // 1.1 h is 3960000.0000000005 ms in floating point: forgive what multiplying by the unit added, and nothing more.
  const ms = Math.round(raw)
  const forgiven = typeof value === "string" ? Math.abs(raw) * 4 * Number.EPSILON : 0
  if (Math.abs(raw - ms) > forgiven) throw invalid(value, what, "it is not a whole number of milliseconds")
  if (!Number.isSafeInteger(ms)) throw invalid(value, what, "it is too large")
  return ms === 0 ? 0 : ms
}

function rawMs(value: unknown): number | undefined {
  if (typeof value === "number") return value
  if (typeof value !== "string") return undefined
  const match = PATTERN.exec(value)
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2] as DurationUnit]
}

function invalid(value: unknown, what: string, why: string): EngineError {
  return new EngineError(
    "DURATION_INVALID",
    `Cannot use ${describe(value)} as ${what}: ${why}; give whole milliseconds (5000) or a number with one of the ` +
      'units ms, s, m, h, d ("5s", "1.5h")',
    { details: { option: what, given: describe(value) } },
  )
}
