import type { Aggregate } from "../../contracts/index.ts"
import { numericAdd } from "./_numbers.ts"

/**
 * The smallest `fn` of the records; -0 counts as less than 0, so that the order of records cannot show.
 *
 * @throws {EngineError} AGGREGATE_VALUE_INVALID when `fn` returns NaN or anything but a number: what is neither smaller
 * nor larger has no place in a min
 */
export function min<T>(fn: (value: T) => number): Aggregate<T, number, number> {
  return {
    create: () => Number.POSITIVE_INFINITY,
    add: numericAdd("min", fn, "return Math.min(accumulator, x)"),
    merge: (left, right) => Math.min(left, right),
    result: (smallest) => smallest,
  }
}
