import { describe } from "../../errors/index.ts"
import { type Json, type JsonObject, MAX_JSON_DEPTH } from "./_json-text.ts"

/** What a value read from a file is not. The reader of the file turns it into its own error. */
export class ShapeError extends Error {
  override readonly name = "ShapeError"
}

/**
 * A parsed JSON object whose every field must be taken exactly once. Fields are found by own name only, so `__proto__`
 * and `constructor` are as good as missing.
 */
export class Fields {
  readonly #object: object
  readonly #path: string
  readonly #left: Set<string>

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ShapeError(`${path} is ${describe(value, 80)} and not an object`)
    }
    this.#object = value
    this.#path = path
    this.#left = new Set(Object.keys(value))
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name)
  }

  text(name: string): string {
    const value = this.#take(name)
    return typeof value === "string" ? value : this.#refuse(name, value, "text")
  }

  /** An integer from `least` on, by default 0. */
  integer(name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(name)
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most) return value
    return this.#refuse(name, value, `an integer from ${least} to ${most}`)
  }

  integerOrNull(name: string): number | null {
    if (!this.has(name) || (this.#object as Record<string, unknown>)[name] !== null) return this.integer(name)
    this.#take(name)
    return null
  }

  number(name: string): number {
    const value = this.#take(name)
    if (typeof value === "number" && Number.isFinite(value)) return value
    return this.#refuse(name, value, "a finite number")
  }

  /** A finite number, or the words that JSON has for the infinite ones: `"Infinity"` and `"-Infinity"`. */
  timeMs(name: string): number {
    const value = this.#take(name)
    if (value === "Infinity") return Number.POSITIVE_INFINITY
    if (value === "-Infinity") return Number.NEGATIVE_INFINITY
    return typeof value === "number" && Number.isFinite(value) ? value : this.#refuse(name, value, "a time")
  }

  boolean(name: string): boolean {
    const value = this.#take(name)
    return typeof value === "boolean" ? value : this.#refuse(name, value, "true or false")
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T {
    const value = this.#take(name)
    return words.find((word) => word === value) ?? this.#refuse(name, value, `one of ${words.join(", ")}`)
  }

  object<T>(name: string, read: (fields: Fields) => T): T {
    return readObject(this.#take(name), `${this.#path}.${name}`, read)
  }

  list<T>(name: string, read: (fields: Fields) => T): readonly T[] {
    return this.#items(name).map((item, index) => readObject(item, `${this.#path}.${name}[${index}]`, read))
  }

  json(name: string): Json {
    return checkedJson(this.#take(name), `${this.#path}.${name}`, 0)
  }

  jsonObjects(name: string): readonly JsonObject[] {
    return this.#items(name).map((item, index) => {
      const path = `${this.#path}.${name}[${index}]`
      const value = checkedJson(item, path, 0)
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject
      throw new ShapeError(`${path} is ${describe(value, 80)} and not an object`)
    })
  }

  /** To be called when all known fields are taken. */
  nothingElse(): void {
    const [name] = this.#left
    if (name !== undefined) throw new ShapeError(`${this.#path} has the unknown field ${JSON.stringify(name)}`)
  }

  fail(found: string): never {
    throw new ShapeError(`${this.#path}: ${found}`)
  }

  #items(name: string): readonly unknown[] {
    const value = this.#take(name)
    return Array.isArray(value) ? value : this.#refuse(name, value, "a list")
  }

  #take(name: string): unknown {
    if (!this.#left.delete(name)) throw new ShapeError(`${this.#path} has no field ${name}`)
    return (this.#object as Record<string, unknown>)[name]
  }

  #refuse(name: string, value: unknown, wanted: string): never {
    throw new ShapeError(`${this.#path}.${name} is ${describe(value, 80)} and not ${wanted}`)
  }
}

export function readObject<T>(value: unknown, path: string, read: (fields: Fields) => T): T {
  const fields = new Fields(value, path)
  const result = read(fields)
  fields.nothingElse()
  return result
}

/** Values of JSON.parse, without keys that could change a prototype when somebody copies them. */
function checkedJson(value: unknown, path: string, depth: number): Json {
  if (typeof value !== "object" || value === null) return value as Json
  if (depth >= MAX_JSON_DEPTH) throw new ShapeError(`${path} has more than ${MAX_JSON_DEPTH} levels`)
  if (Object.hasOwn(value, "__proto__")) throw new ShapeError(`${path} has a field __proto__`)
  for (const [name, item] of Object.entries(value)) checkedJson(item, `${path}.${name}`, depth + 1)
  return value as Json
}
