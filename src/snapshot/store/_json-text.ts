import { describe, EngineError } from "../../errors/index.ts"

/** What JSON can hold. Positions, splits and committables are this; the store does not look inside. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [field: string]: Json }
export type JsonObject = { readonly [field: string]: Json }

/** Deeper values are refused, on write and on read: the walk is recursive. */
export const MAX_JSON_DEPTH = 64

/**
 * JSON text that reads back as the same value, -0 included. Anything else (NaN, undefined, Date, Map, a hole, a key
 * `__proto__`) is refused here and not at the restore.
 *
 * @throws {EngineError} CHECKPOINT_MANIFEST_INVALID with the path of the value
 */
export function jsonText(value: unknown, path = "$", depth = 0): string {
  if (value === null || typeof value === "boolean") return String(value)
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw refused(path, value, "a finite number")
    return Object.is(value, -0) ? "-0" : String(value)
  }
  if (typeof value !== "object") throw refused(path, value, "JSON")
  if (depth >= MAX_JSON_DEPTH) throw refused(path, "a deeper value", `at most ${MAX_JSON_DEPTH} levels`)
  if (Array.isArray(value)) {
    // Array.from shows holes as undefined, which is refused.
    return `[${Array.from(value, (item, index) => jsonText(item, `${path}[${index}]`, depth + 1)).join(",")}]`
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw refused(path, value, "a plain object")
  const fields: string[] = []
  for (const [name, item] of Object.entries(value)) {
    if (name === "__proto__") throw refused(path, name, "any other field name")
    fields.push(`${JSON.stringify(name)}:${jsonText(item, `${path}.${name}`, depth + 1)}`)
  }
  return `{${fields.join(",")}}`
}

function refused(path: string, value: unknown, wanted: string): EngineError {
  return new EngineError(
    "CHECKPOINT_MANIFEST_INVALID",
    `Cannot write a checkpoint's manifest: ${path} is ${describe(value, 80)}, which is not ${wanted}; positions, splits and committables ` +
      "must be plain JSON data, encode it in the source or sink",
    { details: { path } },
  )
}
