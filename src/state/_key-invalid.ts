import { describe, EngineError } from "../errors/index.ts"

/** The refusal of a key, or of one part of a composite key. */
export function keyInvalid(part: unknown, whole: unknown): EngineError {
  const found = part === null ? "null" : Array.isArray(part) ? "an array inside an array" : describeKind(part)
  const where =
    part === whole ? `the key ${describe(part)}` : `the key ${describe(whole)} with the part ${describe(part)}`
  return new EngineError(
    "KEY_INVALID",
    `Cannot use ${where}: it is ${found}, and keys are strings, numbers, booleans, bigints, or arrays of these; ` +
      "return one of them from the key function, e.g. date.getTime() for a Date or [f.origin, f.carrier] for two fields, " +
      "and filter out records that have no key",
    { details: { key: describe(whole), part: describe(part) } },
  )
}

function describeKind(value: unknown): string {
  const kind = typeof value
  return kind === "undefined" ? "undefined" : kind === "object" ? "an object" : `a ${kind}`
}
