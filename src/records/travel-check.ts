import { mayTravel } from "./plainness.ts"

/** Shapes that are learned; records of any other are looked at field by field. */
const MOST_SHAPES = 4
const MOST_FIELDS = 32

/** @returns the index of the first value, from `from` on, that is not of the shape, or may not travel */
type SkipPlain = (values: readonly unknown[], from: number) => number

/**
 * Looks whether records may go to another thread (`mayTravel`), most of them in code compiled for the shape that they have:
 * a plain object with these very fields, each a number, a string or whatever it was in the record that was learned from.
 * What does not match is looked at as a whole. Learns up to four shapes, one after the other.
 *
 * One per channel. A record of three fields: 8 to 13 ns, where `mayTravel` takes 30 to 50 (Node 20).
 */
export class TravelCheck {
  #skipPlain: SkipPlain | undefined
  #learned = 0

  /** @returns the index of the first value that may not travel; -1 when all may */
  firstRefused(values: readonly unknown[]): number {
    let at = this.#skip(values, 0)
    while (at < values.length) {
      const value = values[at]
      if (!mayTravel(value)) return at
      if (this.#learned < MOST_SHAPES && isObject(value)) this.#learn(value)
      at = this.#skip(values, at + 1)
    }
    return -1
  }

  #skip(values: readonly unknown[], from: number): number {
    if (this.#skipPlain === undefined) return from
    try {
      return this.#skipPlain(values, from)
    } catch {
      // A getter, or a proxy: such a record is no plain object, and refused when its turn comes.
      return from
    }
  }

  #learn(value: Readonly<Record<string, unknown>>): void {
    const fields = Object.keys(value)
    if (Object.getPrototypeOf(value) !== Object.prototype || fields.length > MOST_FIELDS) return
    // Not worth code of its own: most fields that hold objects hold others each time.
    if (fields.some((field) => field === "__proto__" || !KINDS.has(typeof value[field]))) return
    this.#learned += 1
    this.#skipPlain = compile(fields.map((field) => [field, typeof value[field]] as const))
  }
}

const KINDS: ReadonlySet<string> = new Set(["number", "string", "boolean", "bigint"])

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
}

/** All fields named are there and no field more: so there are no others. */
function compile(fields: readonly (readonly [name: string, kind: string])[]): SkipPlain {
  const differs = fields.map(([name, kind]) => `typeof value[${JSON.stringify(name)}] !== "${kind}"`)
  const source = `"use strict"
return function skipPlain(values, from) {
  for (let at = from; at < values.length; at++) {
    const value = values[at]
    if (typeof value !== "object" || value === null) return at
    ${differs.length === 0 ? "" : `if (${differs.join(" || ")}) return at`}
    // Behind the fields: by now the compiler knows the prototype and need not ask for it.
    if (getPrototypeOf(value) !== plainObject) return at
    let count = 0
    for (const _ in value) count++
    if (count !== ${fields.length}) return at
  }
  return values.length
}`
  return new Function("getPrototypeOf", "plainObject", source)(Object.getPrototypeOf, Object.prototype) as SkipPlain
}
