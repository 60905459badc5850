import { describe, EngineError } from "../errors/index.ts"

/**
 * Names the operator in an error that came out of it. The innermost operator wins: an error that already has one is
 * passed on. The user's own error stays as the cause, with its stack.
 */
export function operatorFailure(
  thrown: unknown,
  operatorId: string,
  subtask: number,
  record?: { readonly value: unknown },
): EngineError {
  if (thrown instanceof EngineError) {
    if (thrown.details.operator !== undefined) return thrown
    const named = new EngineError(thrown.code, `${thrown.message} (in operator "${operatorId}", subtask ${subtask})`, {
      retriable: thrown.retriable,
      details: { ...thrown.details, operator: operatorId, subtask },
      ...(thrown.cause === undefined ? {} : { cause: thrown.cause }),
    })
    if (thrown.stack !== undefined) named.stack = thrown.stack
    return named
  }
  const reason =
    thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `it threw ${describe(thrown)}, which is no Error`
  const about = record === undefined ? "" : ` on record ${describe(record.value)}`
  return new EngineError(
    "OPERATOR_FAILED",
    `Operator "${operatorId}" (subtask ${subtask}) failed${about}: ${reason}; mend the function, or filter such records out before it`,
    { cause: thrown, details: { operator: operatorId, subtask } },
  )
}
