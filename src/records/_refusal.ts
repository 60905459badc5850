import { EngineError } from "../errors/index.ts"
import { findUnserializable, type Unserializable } from "./plainness.ts"

const FIRST_CHECKED_RECORDS = 64
const CHECK_EVERY_RECORDS = 256

/** Looks closely at the first 64 records, and then at every 256th. */
export class SampledCheck {
  #seen = 0
  #next = 0

  /** @throws {EngineError} RECORD_NOT_SERIALIZABLE */
  check(values: readonly unknown[]): void {
    while (this.#next < this.#seen + values.length) {
      const found = findUnserializable(values[this.#next - this.#seen])
      if (found !== undefined) throw refusalOf(found)
      this.#next += this.#next < FIRST_CHECKED_RECORDS ? 1 : CHECK_EVERY_RECORDS
    }
    this.#seen += values.length
  }
}

/** The error for a batch of which at least one record cannot be encoded. */
export function refusal(values: readonly unknown[], cause?: unknown): EngineError {
  for (const value of values) {
    const found = findUnserializable(value)
    if (found !== undefined) return refusalOf(found, cause)
  }
  const reason = cause instanceof Error ? cause.message : "a part of it changed while it was looked at"
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a batch of ${values.length} records for another thread: ${reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects) in smaller records`,
    { cause },
  )
}

/** The refusal of a part of some values, told of the value that it is part of. Other errors as they are. */
export function explainRefusal(error: unknown, values: readonly unknown[]): unknown {
  return error instanceof EngineError && error.code === "RECORD_NOT_SERIALIZABLE" ? refusal(values, error.cause) : error
}

function refusalOf({ path, reason }: Unserializable, cause?: unknown): EngineError {
  const part = path === "" ? "the record itself" : `field "${path}"`
  return new EngineError(
    "RECORD_NOT_SERIALIZABLE",
    `Cannot serialize a record for another thread: ${part} is ${reason}; send plain data (numbers, strings, dates, maps, arrays, plain objects), or keep the value inside one operator`,
    { cause, details: { path, reason } },
  )
}
