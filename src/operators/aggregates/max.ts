import type { Aggregate } from "../../contracts/index.ts"
import { numericAdd } from "./_numbers.ts"

/**
 * The largest `fn` of the records; -0 counts as less than 0, so that the order of records cannot show.
 *
 * @throws {EngineError} AGGREGATE_VALUE_INVALID when `fn` returns NaN or anything but a number: what is neither smaller
 * nor larger has no place in a max
 */
export function max<T>(fn: (value: T) => number): Aggregate<T, number, number> {
  return {
    create: () => Number.NEGATIVE_INFINITY,
    add: numericAdd("max", fn, "return Math.max(accumulator, x)"),
    merge: (left, right) => Math.max(left, right),
    result: (largest) => largest,
  }
}
