import { type Evictor, type EvictorOptions, evictor } from "../evictor.ts"

/** Keeps the records whose measure is less than `threshold` away from that of the record that came last. */
export function delta<T>(threshold: number, measure: (value: T) => number, options?: EvictorOptions): Evictor<T> {
  return evictor<T>(
    `delta(${threshold})`,
    (records) => {
      const last = records.at(-1)
      if (last === undefined) return records
      const reference = measure(last.value)
      return records.filter(({ value }) => Math.abs(measure(value) - reference) < threshold)
    },
    options,
  )
}
