import type { Aggregate } from "../../contracts/index.ts"

/** Marks aggregates whose accumulators are whole numbers, nearly always small ones. */
export const COUNTS = Symbol("counts")

/** Counts records. */
export function count(): Aggregate<unknown, number, number> {
  const counting = {
    [COUNTS]: true,
    create: () => 0,
    add: (records: number) => records + 1,
    merge: (left: number, right: number) => left + right,
    retract: (left: number, merged: number) => left - merged,
    result: (records: number) => records,
  }
  return counting
}
