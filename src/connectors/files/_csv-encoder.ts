import { closest, describe, EngineError } from "../../errors/index.ts"
import type { Encoder } from "./_encoder.ts"
import { toJson } from "./_json-encoder.ts"

export interface CsvWriting {
  readonly delimiter: string
  readonly quote: string
  /** Undefined: the fields of the first record. */
  readonly columns: readonly string[] | undefined
  readonly header: boolean
}

/** One row per record (RFC 4180, but with `\n` between rows). Learns its columns from the first record unless told. */
export class CsvEncoder<T> implements Encoder<T> {
  readonly #writing: CsvWriting
  readonly #needsQuotes: RegExp
  #columns: readonly string[] | undefined
  #known: ReadonlySet<string> = new Set()

  constructor(writing: CsvWriting) {
    this.#writing = writing
    const special = [writing.delimiter, writing.quote].map((char) => char.replace(/[\\\]^-]/, "\\$&")).join("")
    this.#needsQuotes = new RegExp(`[${special}\\r\\n]`)
    if (writing.columns !== undefined) this.#setColumns(writing.columns)
  }

  header(first: T): string {
    if (!this.#writing.header) return ""
    return this.#row(this.#columnsFor(first as object).map((name) => this.#text(name)))
  }

  encode(value: T): string {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw notWritable(value, "it is no object with a field per column", "make it one in a map before the sink")
    }
    const record = value as Record<string, unknown>
    const columns = this.#columnsFor(record)
    for (const name of Object.keys(record)) {
      if (this.#known.has(name)) continue
      const near = closest(name, columns)
      throw notWritable(
        value,
        `its field ${JSON.stringify(name)} is none of the columns ${columns.join(", ")}`,
        near === undefined ? "add it to option columns, or drop it in a map before the sink" : `did you mean ${near}?`,
      )
    }
    return this.#row(columns.map((name) => this.#cell(Object.hasOwn(record, name) ? record[name] : undefined)))
  }

  #columnsFor(first: object): readonly string[] {
    if (this.#columns === undefined) this.#setColumns(Object.keys(first))
    return this.#columns!
  }

  #setColumns(columns: readonly string[]): void {
    this.#columns = columns
    this.#known = new Set(columns)
  }

  #cell(value: unknown): string {
    switch (typeof value) {
      case "string":
        return this.#text(value)
      case "number":
      case "boolean":
      case "bigint":
        return String(value)
      case "undefined":
        return ""
      default:
        if (value === null) return ""
        return this.#text(value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : toJson(value))
    }
  }

  /** The empty string is quoted, which tells it from no value for readers that look. */
  #text(text: string): string {
    if (text !== "" && !this.#needsQuotes.test(text)) return text
    const { quote } = this.#writing
    return quote + text.replaceAll(quote, quote + quote) + quote
  }

  #row(cells: readonly string[]): string {
    const row = cells.join(this.#writing.delimiter)
    const { quote } = this.#writing
    // A row of one column without a value would be an empty line, which readers pass over.
    return `${row === "" ? quote + quote : row}\n`
  }
}

function notWritable(value: unknown, state: string, remedy: string): EngineError {
  return new EngineError(
    "RECORD_NOT_WRITABLE",
    `Cannot write the record ${describe(value)} as a CSV row: ${state}; ${remedy}`,
  )
}
