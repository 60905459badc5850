import type { Aggregate } from "../../contracts/index.ts"
import { isExactSum, numericAdd } from "./_numbers.ts"

/**
 * Adds up `fn` of the records. Exact for integers up to 2^53; sums of fractions depend in their last digits on the order
 * in which records arrive, as floating-point addition does.
 *
 * @throws {EngineError} AGGREGATE_VALUE_INVALID when `fn` returns NaN or anything but a number: one NaN would silently
 * become the result
 */
export function sum<T>(fn: (value: T) => number): Aggregate<T, number, number> {
  return {
    create: () => 0,
    add: numericAdd("sum", fn, "return accumulator + x"),
    merge: (left, right) => left + right,
    retract: (left, merged) => left - merged,
    retractsExactly: isExactSum,
    result: (total) => total,
  }
}
