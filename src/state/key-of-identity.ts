import { invariant } from "../errors/index.ts"
import type { KeyIdentity } from "./key-identity.ts"
import type { Key, KeyPart } from "./keyed-store.ts"

const MARK_CODE = 0
const COMPOSITE_START = "\u0000["

/** The key that `keyIdentity` turned into this: an equal one, as a Map compares (a -0 in an array comes back as 0). */
export function keyOfIdentity(identity: KeyIdentity): Key {
  if (typeof identity !== "string" || identity.charCodeAt(0) !== MARK_CODE) return identity
  if (!identity.startsWith(COMPOSITE_START)) return identity.slice(1)
  const parts: KeyPart[] = []
  let at = COMPOSITE_START.length
  while (at < identity.length) {
    const kind = identity[at]
    at += 1
    if (kind === "t" || kind === "f") {
      parts.push(kind === "t")
      continue
    }
    const end = identity.indexOf(kind === "s" ? ":" : ";", at)
    invariant(end !== -1, () => `the identity ${JSON.stringify(identity)} of a composite key breaks off at ${at}`)
    const text = identity.slice(at, end)
    at = end + 1
    if (kind === "s") {
      parts.push(identity.slice(at, at + Number(text)))
      at += Number(text)
    } else {
      parts.push(kind === "n" ? Number(text) : BigInt(text))
    }
  }
  return parts
}
