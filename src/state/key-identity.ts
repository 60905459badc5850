import { keyInvalid } from "./_key-invalid.ts"
import type { Key, KeyPart } from "./keyed-store.ts"

/** What stands for a key in a Map: equal (as a Map compares) exactly when the keys are. */
export type KeyIdentity = KeyPart

const MARK = "\u0000"
const MARK_CODE = 0

/**
 * Turns a key into a primitive that a Map can file it under: primitives stay as they are, arrays become a string that
 * spells out their parts with type and length. Strings that begin with NUL, as those do, get one more NUL in front, so no
 * string can pass for an array. 1, "1" and 1n differ; 0 and -0, and all NaN, do not.
 *
 * @throws {EngineError} KEY_INVALID as `hashKey`
 */
export function keyIdentity(key: Key): KeyIdentity {
  if (typeof key === "string") return key.charCodeAt(0) === MARK_CODE ? MARK + key : key
  if (typeof key === "number" || typeof key === "boolean" || typeof key === "bigint") return key
  if (!Array.isArray(key)) throw keyInvalid(key, key)
  let text = `${MARK}[`
  for (let index = 0; index < key.length; index++) text += spell(key[index] as KeyPart, key)
  return text
}

/** One part as text of which no other part's text is a beginning. */
function spell(part: KeyPart, whole: Key): string {
  switch (typeof part) {
    case "string":
      return `s${part.length}:${part}`
    case "number":
      return `n${part};`
    case "boolean":
      return part ? "t" : "f"
    case "bigint":
      return `b${part};`
    default:
      throw keyInvalid(part, whole)
  }
}
