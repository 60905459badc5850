import type { Aggregate } from "../../contracts/index.ts"
import { isExactSum, numericAdd } from "./_numbers.ts"

/** What `mean` keeps: the sum and how many numbers are in it. */
export interface MeanAccumulator {
  sum: number
  count: number
}

/**
 * The arithmetic mean of `fn` of the records. The sum is exact for integers up to 2^53; for fractions the last digits
 * depend on the order in which records arrive, as floating-point addition does.
 *
 * @throws {EngineError} AGGREGATE_VALUE_INVALID when `fn` returns NaN or anything but a number, as `sum`
 */
export function mean<T>(fn: (value: T) => number): Aggregate<T, MeanAccumulator, number> {
  return {
    create: () => ({ sum: 0, count: 0 }),
    add: numericAdd("mean", fn, "accumulator.sum += x\n  accumulator.count += 1\n  return accumulator"),
    merge(left, right) {
      left.sum += right.sum
      left.count += right.count
      return left
    },
    retract(left, merged) {
      left.sum -= merged.sum
      left.count -= merged.count
      return left
    },
    retractsExactly: ({ sum }) => isExactSum(sum),
    copy: ({ sum, count }) => ({ sum, count }),
    result: (accumulator) => accumulator.sum / accumulator.count,
  }
}
