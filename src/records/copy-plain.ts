/** What `copyPlain` answers for a value that it does not copy. */
export const NOT_COPIED = Symbol("not copied")

/** Deeper or wider values are cheaper to encode at once than to copy first. */
const MAX_DEPTH = 4
const MAX_ITEMS = 64

const PLAIN_OBJECT: unknown = Object.prototype

/**
 * A copy of small plain data (primitives, plain objects and arrays of these) that shares nothing with it, or NOT_COPIED.
 * Some ten times cheaper than `encode`: for what is to be encoded later, together with others.
 */
export function copyPlain(value: unknown): unknown {
  return copyAt(value, 0)
}

function copyAt(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? NOT_COPIED : value
  }
  if (depth === MAX_DEPTH) return NOT_COPIED
  if (Array.isArray(value)) return copyArray(value, depth + 1)
  return Object.getPrototypeOf(value) === PLAIN_OBJECT
    ? copyObject(value as Record<string, unknown>, depth + 1)
    : NOT_COPIED
}

function copyObject(value: Record<string, unknown>, depth: number): unknown {
  // Spreading keeps the shape; then only parts that are objects need a look.
  const copy: Record<string, unknown> = { ...value }
  for (const name in copy) {
    const part = copy[name]
    if (typeof part !== "object" && typeof part !== "function" && typeof part !== "symbol") continue
    const copied = copyAt(part, depth)
    if (copied === NOT_COPIED) return NOT_COPIED
    copy[name] = copied
  }
  return copy
}

function copyArray(value: readonly unknown[], depth: number): unknown {
  if (value.length > MAX_ITEMS || Object.getPrototypeOf(value) !== Array.prototype) return NOT_COPIED
  const copy = new Array<unknown>(value.length)
  for (let index = 0; index < value.length; index++) {
    // A hole stays a hole.
    if (!(index in value)) return NOT_COPIED
    const copied = copyAt(value[index], depth)
    if (copied === NOT_COPIED) return NOT_COPIED
    copy[index] = copied
  }
  return copy
}
