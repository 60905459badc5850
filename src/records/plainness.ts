/**
 * Which values may travel between threads, and which of them msgpack alone would change on the way.
 * Accepted: primitives but symbols, Date, Map, Set, ArrayBuffer, DataView, typed arrays, arrays and plain objects, nested up to
 * MAX_DEPTH. Refused: everything else, since it would arrive without its class, its methods or its identity.
 */

/** Levels of nesting that every codec handles without running out of stack. */
export const MAX_DEPTH = 256

/** What `inspect` found, worst of all parts. */
export const Plainness = {
  /** Arrives as it is. */
  PLAIN: 0,
  /** Plain data that msgpack would alter: -0, lone surrogates, holes in arrays, objects without prototype, the key "__proto__". */
  DELICATE: 1,
  /** Holds a part that cannot travel: `findUnserializable` names it. */
  REFUSED: 2,
} as const
export type Plainness = (typeof Plainness)[keyof typeof Plainness]

export interface Unserializable {
  /** Such as `user.tags[3]`; empty when it is the value itself. */
  readonly path: string
  /** Completes "field x is ...". */
  readonly reason: string
}

/** Walks a value once, without allocating. O(size of the value); keys that are symbols are not looked at. */
export function inspect(value: unknown): Plainness {
  return inspectAt(value, 0)
}

/**
 * Whether a value may go to another thread. For edges where it does not, but might with another placement: so that what is
 * refused does not depend on where a subtask lives. About 30 ns for a flat record; a channel asks with a `TravelCheck`.
 */
export function mayTravel(value: unknown): boolean {
  return isFlat(value) || inspect(value) !== Plainness.REFUSED
}

/** A primitive, or a plain object of primitives: most records, and quick to tell. */
function isFlat(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function" && typeof value !== "symbol"
  if (getPrototypeOf(value) !== PLAIN_OBJECT) return false
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key]
    if (typeof field === "object" ? field !== null : typeof field === "function" || typeof field === "symbol")
      return false
  }
  return true
}

const SURROGATE = /[\ud800-\udfff]/

/** Whether a string has no lone surrogate. The pattern first: on the common strings, which have none at all, it is faster. */
export function isWellFormed(text: string): boolean {
  // Of lib.es2024; every Node we run on has it.
  return !SURROGATE.test(text) || (text as string & { isWellFormed(): boolean }).isWellFormed()
}

const getPrototypeOf = Object.getPrototypeOf
const PLAIN_OBJECT: unknown = Object.prototype
const PLAIN_ARRAY: unknown = Array.prototype

function inspectAt(value: unknown, depth: number): Plainness {
  switch (typeof value) {
    case "number":
      return value === 0 && 1 / value < 0 ? Plainness.DELICATE : Plainness.PLAIN
    case "string":
      return isWellFormed(value) ? Plainness.PLAIN : Plainness.DELICATE
    case "object":
      return value === null ? Plainness.PLAIN : inspectObject(value, depth)
    case "function":
    case "symbol":
      return Plainness.REFUSED
    default:
      return Plainness.PLAIN
  }
}

function inspectObject(value: object, depth: number): Plainness {
  if (depth === MAX_DEPTH) return Plainness.REFUSED
  const prototype: unknown = getPrototypeOf(value)
  if (prototype === PLAIN_OBJECT) return inspectFields(value as Record<string, unknown>, depth + 1)
  if (prototype === PLAIN_ARRAY) return inspectItems(value as unknown[], depth + 1)
  if (prototype === null) {
    return Math.max(Plainness.DELICATE, inspectFields(value as Record<string, unknown>, depth + 1)) as Plainness
  }
  if (prototype === Map.prototype) return inspectEntries(value as Map<unknown, unknown>, depth + 1)
  if (prototype === Set.prototype) return inspectMembers(value as Set<unknown>, depth + 1)
  return isBuiltinData(value, prototype) ? Plainness.PLAIN : Plainness.REFUSED
}

function inspectFields(record: Record<string, unknown>, depth: number): Plainness {
  let worst: Plainness = Plainness.PLAIN
  for (const key in record) {
    if (key === "__proto__" || !isWellFormed(key)) worst = Math.max(worst, Plainness.DELICATE) as Plainness
    const found = inspectAt(record[key], depth)
    if (found > worst) {
      if (found === Plainness.REFUSED) return found
      worst = found
    }
  }
  return worst
}

function inspectItems(items: readonly unknown[], depth: number): Plainness {
  let worst: Plainness = Plainness.PLAIN
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    const found = item === undefined && !(index in items) ? Plainness.DELICATE : inspectAt(item, depth)
    if (found > worst) {
      if (found === Plainness.REFUSED) return found
      worst = found
    }
  }
  return worst
}

function inspectEntries(map: ReadonlyMap<unknown, unknown>, depth: number): Plainness {
  let worst: Plainness = Plainness.PLAIN
  for (const [key, value] of map) {
    worst = Math.max(worst, inspectAt(key, depth), inspectAt(value, depth)) as Plainness
    if (worst === Plainness.REFUSED) return worst
  }
  return worst
}

function inspectMembers(set: ReadonlySet<unknown>, depth: number): Plainness {
  let worst: Plainness = Plainness.PLAIN
  for (const member of set) {
    worst = Math.max(worst, inspectAt(member, depth)) as Plainness
    if (worst === Plainness.REFUSED) return worst
  }
  return worst
}

/** Uint8Array's own prototype and, on Node, Buffer's: every other subclass would lose its class. */
const BUILTIN_PROTOTYPES: ReadonlySet<unknown> = new Set<unknown>(
  [
    Date,
    ArrayBuffer,
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    (globalThis as { Buffer?: { prototype: object } }).Buffer,
  ]
    .filter((builtin) => builtin !== undefined)
    .map((builtin) => builtin.prototype),
)

function isBuiltinData(value: object, prototype: unknown): boolean {
  return BUILTIN_PROTOTYPES.has(prototype) && !(ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer)
}

/**
 * Finds a part of `value` that cannot travel between threads, with its path. Slower than `inspect` and stricter: it also
 * sees fields whose key is a symbol, fields that are not enumerable, and properties added to arrays. For messages, and
 * for a look at every n-th record.
 *
 * @returns undefined when all of it can travel. Safe on cycles.
 */
export function findUnserializable(value: unknown): Unserializable | undefined {
  return findAt(value, "", [])
}

function findAt(value: unknown, path: string, ancestors: object[]): Unserializable | undefined {
  switch (typeof value) {
    case "function":
      return { path, reason: "a function" }
    case "symbol":
      return { path, reason: "a symbol" }
    case "object":
      return value === null ? undefined : findInObject(value, path, ancestors)
    default:
      return undefined
  }
}

function findInObject(value: object, path: string, ancestors: object[]): Unserializable | undefined {
  if (ancestors.includes(value)) return { path, reason: "a reference back to a value that contains it" }
  if (ancestors.length === MAX_DEPTH) return { path, reason: `nested deeper than ${MAX_DEPTH} levels` }
  const prototype: unknown = Object.getPrototypeOf(value)
  ancestors.push(value)
  const found = findInParts(value, prototype, path, ancestors)
  ancestors.pop()
  return found
}

function findInParts(value: object, prototype: unknown, path: string, ancestors: object[]): Unserializable | undefined {
  if (prototype === PLAIN_OBJECT || prototype === null) return findInFields(value, path, ancestors)
  if (prototype === PLAIN_ARRAY) return findInItems(value as unknown[], path, ancestors)
  if (prototype === Map.prototype) {
    for (const [key, item] of value as Map<unknown, unknown>) {
      const itemPath = `${path}.get(${nameOfKey(key)})`
      const found = findAt(key, `${path}.keys()`, ancestors) ?? findAt(item, itemPath, ancestors)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (prototype === Set.prototype) {
    for (const member of value as Set<unknown>) {
      const found = findAt(member, `${path}.values()`, ancestors)
      if (found !== undefined) return found
    }
    return undefined
  }
  return isBuiltinData(value, prototype) ? undefined : { path, reason: describeObject(value, prototype) }
}

function findInFields(record: object, path: string, ancestors: object[]): Unserializable | undefined {
  for (const key of Reflect.ownKeys(record)) {
    if (typeof key === "symbol") return { path: `${path}[${String(key)}]`, reason: "a field whose key is a symbol" }
    const fieldPath = path === "" ? key : `${path}.${key}`
    const property = Object.getOwnPropertyDescriptor(record, key)
    if (property?.enumerable === false) return { path: fieldPath, reason: "not enumerable" }
    const found = findAt((record as Record<string, unknown>)[key], fieldPath, ancestors)
    if (found !== undefined) return found
  }
  return undefined
}

function findInItems(items: readonly unknown[], path: string, ancestors: object[]): Unserializable | undefined {
  for (let index = 0; index < items.length; index++) {
    const found = findAt(items[index], `${path}[${index}]`, ancestors)
    if (found !== undefined) return found
  }
  return undefined
}

function nameOfKey(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : typeof key === "object" ? "{...}" : String(key)
}

function describeObject(value: object, prototype: unknown): string {
  if (ArrayBuffer.isView(value)) return "a view on shared memory, or of a class of its own"
  const name = (prototype as { constructor?: { name?: unknown } }).constructor?.name
  if (typeof name !== "string" || name === "") return "an instance of a class"
  if (value instanceof Error) return `an instance of ${name} (an error); send its name and message`
  return `an instance of the class ${name}`
}
