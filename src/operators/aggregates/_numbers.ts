import { describe, EngineError } from "../../errors/index.ts"

/** The refusal of what a user's function gave to a numeric aggregate in place of a number. */
function notANumber(aggregate: string, given: unknown): EngineError {
  return new EngineError(
    "AGGREGATE_VALUE_INVALID",
    `Cannot add ${describe(given)} to ${aggregate}: its function must return a number for every record, and not NaN; ` +
      `filter such records out before, or return a substitute such as 0 from the function`,
    { details: { aggregate, given: describe(given) } },
  )
}

/**
 * The `add` of a numeric aggregate, compiled anew for each: in one function that all sums of a thread share, the engine's compiler
 * sees as many functions of users as there are sums, and puts none of them in place.
 *
 * @param step statements that make the next `accumulator` of the present one and the number `x`, and return it
 */
export function numericAdd<T, Acc>(name: string, fn: (value: T) => number, step: string): (so: Acc, value: T) => Acc {
  const source = `"use strict"
return function add(accumulator, value) {
  const x = fn(value)
  if (typeof x !== "number" || Number.isNaN(x)) throw notANumber(name, x)
  ${step}
}`
  return new Function("name", "fn", "notANumber", source)(name, fn, notANumber) as (so: Acc, value: T) => Acc
}

/** Whether additions and subtractions of such sums are exact: whole numbers up to 2^53. Not -0, which would become 0. */
export function isExactSum(total: number): boolean {
  return Number.isSafeInteger(total) && !Object.is(total, -0)
}
