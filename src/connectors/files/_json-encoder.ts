import { describe, EngineError } from "../../errors/index.ts"
import type { Encoder } from "./_encoder.ts"

/** One JSON text per line, as JSON.stringify writes it: NaN becomes null, a Date its ISO text, undefined fields are left out. */
export class JsonEncoder<T> implements Encoder<T> {
  header(): string {
    return ""
  }

  encode(value: T): string {
    return `${toJson(value)}\n`
  }
}

/** @throws {EngineError} RECORD_NOT_WRITABLE with the path of the field that JSON cannot hold */
export function toJson(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (thrown) {
    throw notJson(value, thrown)
  }
  if (text === undefined) throw notJson(value, undefined)
  return text
}

function notJson(value: unknown, thrown: unknown): EngineError {
  const found = findUnwritable(value, "$", new Set()) ?? {
    path: "$",
    reason: thrown instanceof Error ? thrown.message : "no JSON value",
  }
  return new EngineError(
    "RECORD_NOT_WRITABLE",
    `Cannot write the record ${describe(value)} as JSON: ${found.path} is ${found.reason}; turn it into a string or a number, or drop it, in a map before the sink`,
    { details: { path: found.path }, ...(thrown === undefined ? {} : { cause: thrown }) },
  )
}

interface Unwritable {
  readonly path: string
  readonly reason: string
}

/** The first field in the way. `above` are the objects that hold `value`: meeting one again is a circle. */
function findUnwritable(value: unknown, path: string, above: Set<unknown>): Unwritable | undefined {
  if (typeof value === "bigint") return { path, reason: "a bigint" }
  if (path === "$" && (value === undefined || typeof value === "function" || typeof value === "symbol")) {
    return { path, reason: value === undefined ? "undefined" : `a ${typeof value}` }
  }
  if (typeof value !== "object" || value === null) return undefined
  if (above.has(value)) return { path, reason: "an object that contains itself" }
  if ("toJSON" in value && typeof value.toJSON === "function") return undefined
  above.add(value)
  for (const [key, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? `[${key}]` : IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
    const found = findUnwritable(inner, path + step, above)
    if (found !== undefined) return found
  }
  above.delete(value)
  return undefined
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
