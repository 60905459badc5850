import { type Duration, durationMs } from "../../time/index.ts"
import { type Evictor, type EvictorOptions, evictor } from "../evictor.ts"

/**
 * Keeps the records that are no more than `span` older than the newest.
 * @throws {EngineError} DURATION_INVALID
 */
export function time<T>(span: Duration, options?: EvictorOptions): Evictor<T> {
  const spanMs = durationMs(span, "the span of an evictor")
  return evictor(
    `time(${spanMs})`,
    (records) => {
      const newestMs = records.reduce((newest, { timeMs }) => Math.max(newest, timeMs), Number.NEGATIVE_INFINITY)
      return records.filter(({ timeMs }) => timeMs >= newestMs - spanMs)
    },
    options,
  )
}
