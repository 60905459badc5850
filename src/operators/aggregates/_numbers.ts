import { describe, EngineError } from "../../errors/index.ts"

/** The refusal of what a user's function gave to a numeric aggregate in place of a number. */
export function notANumber(aggregate: string, given: unknown): EngineError {
  return new EngineError(
    "AGGREGATE_VALUE_INVALID",
    `Cannot add ${describe(given)} to ${aggregate}: its function must return a number for every record, and not NaN; ` +
      `filter such records out before, or return a substitute such as 0 from the function`,
    { details: { aggregate, given: describe(given) } },
  )
}

/** Whether additions and subtractions of such sums are exact: whole numbers up to 2^53. Not -0, which would become 0. */
export function isExactSum(total: number): boolean {
  return Number.isSafeInteger(total) && !Object.is(total, -0)
}
