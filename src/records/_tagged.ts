import { isWellFormed } from "./plainness.ts"

/**
 * A second way to write a value, for what msgpack alone would alter (Plainness.DELICATE). Each part that is not plain
 * msgpack becomes an array that opens with a tag; so does every real array, which keeps the two apart.
 */
const Tag = {
  ARRAY: 0,
  OBJECT: 1,
  OBJECT_WITHOUT_PROTOTYPE: 2,
  MAP: 3,
  SET: 4,
  NEGATIVE_ZERO: 5,
  /** A string with lone surrogates: its UTF-16 units. */
  UTF16: 6,
  HOLE: 7,
} as const

/** The tagged form of a value that `inspect` did not refuse. */
export function toTagged(value: unknown): unknown {
  if (typeof value === "number") return Object.is(value, -0) ? [Tag.NEGATIVE_ZERO] : value
  if (typeof value === "string") return isWellFormed(value) ? value : [Tag.UTF16, utf16Of(value)]
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return [Tag.ARRAY, ...itemsOf(value)]
  if (value instanceof Map) return [Tag.MAP, ...[...value].flat(1).map(toTagged)]
  if (value instanceof Set) return [Tag.SET, ...[...value].map(toTagged)]
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const tag = prototype === null ? Tag.OBJECT_WITHOUT_PROTOTYPE : Tag.OBJECT
  return [tag, ...Object.entries(value).flat(1).map(toTagged)]
}

export function fromTagged(tagged: unknown): unknown {
  if (!Array.isArray(tagged)) return tagged
  const parts = tagged as unknown[]
  switch (parts[0]) {
    case Tag.ARRAY:
      return arrayOf(parts)
    case Tag.OBJECT:
      return withFields({}, parts)
    case Tag.OBJECT_WITHOUT_PROTOTYPE:
      return withFields(Object.create(null) as object, parts)
    case Tag.MAP:
      return mapOf(parts)
    case Tag.SET:
      return new Set(parts.slice(1).map(fromTagged))
    case Tag.NEGATIVE_ZERO:
      return -0
    default:
      return textOf(parts[1] as Uint16Array)
  }
}

function itemsOf(items: readonly unknown[]): unknown[] {
  return Array.from(items, (item, index) => (index in items ? toTagged(item) : [Tag.HOLE]))
}

function arrayOf(parts: readonly unknown[]): unknown[] {
  const items: unknown[] = []
  items.length = parts.length - 1
  for (let index = 1; index < parts.length; index++) {
    const part = parts[index]
    if (!Array.isArray(part) || part[0] !== Tag.HOLE) items[index - 1] = fromTagged(part)
  }
  return items
}

function withFields(record: object, parts: readonly unknown[]): object {
  for (let index = 1; index < parts.length; index += 2) {
    // Not an assignment: that would take the key "__proto__" for the prototype.
    Object.defineProperty(record, fromTagged(parts[index]) as string, {
      value: fromTagged(parts[index + 1]),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return record
}

function mapOf(parts: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (let index = 1; index < parts.length; index += 2) map.set(fromTagged(parts[index]), fromTagged(parts[index + 1]))
  return map
}

function utf16Of(text: string): Uint16Array {
  const units = new Uint16Array(text.length)
  for (let index = 0; index < text.length; index++) units[index] = text.charCodeAt(index)
  return units
}

function textOf(units: Uint16Array): string {
  let text = ""
  for (let at = 0; at < units.length; at += 4096) text += String.fromCharCode(...units.subarray(at, at + 4096))
  return text
}
