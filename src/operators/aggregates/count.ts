import type { Aggregate } from "../../contracts/index.ts"

/** Counts records. */
export function count(): Aggregate<unknown, number, number> {
  return {
    create: () => 0,
    add: (records) => records + 1,
    merge: (left, right) => left + right,
    retract: (left, merged) => left - merged,
    result: (records) => records,
  }
}
