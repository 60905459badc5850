import { positiveCount } from "../_window-errors.ts"
import { type Evictor, type EvictorOptions, evictor } from "../evictor.ts"

/**
 * Keeps the `n` records that came last.
 * @throws {EngineError} WINDOW_COUNT_INVALID
 */
export function count<T>(n: number, options?: EvictorOptions): Evictor<T> {
  positiveCount(n, "the count of an evictor")
  return evictor(`count(${n})`, (records) => (records.length <= n ? records : records.slice(-n)), options)
}
