import { isUtf8 } from "node:buffer"
import { closest, EngineError } from "../../errors/index.ts"
import { BROKEN, CsvTokenizer, INCOMPLETE } from "./_csv-tokenizer.ts"
import { type Convert, type CsvType, converter, inferType, NOT_OF_TYPE, notOfType } from "./_csv-types.ts"
import {
  applySchema,
  type BadPiece,
  type Block,
  type Checked,
  type Decoded,
  type Decoder,
  NOT_UTF8,
  rawText,
  tooLong,
} from "./_decoder.ts"
import type { StandardSchema } from "./standard-schema.ts"

/** How a CSV file is written, with all defaults filled in. */
export interface CsvFormat {
  readonly delimiter: string
  readonly quote: string | undefined
  readonly quotedNewlines: boolean
}

export interface CsvReading<T> extends CsvFormat {
  readonly header: boolean | readonly string[]
  readonly types: Readonly<Record<string, CsvType>> | "infer"
  readonly maxRecordBytes: number
  readonly schema: StandardSchema<T> | undefined
}

/** The beginning of a file, without a byte order mark. */
export interface FileHead {
  readonly path: string
  readonly bytes: Buffer
  /** Offset in the file of `bytes`: 3 after a byte order mark. */
  readonly offset: number
  /** True when `bytes` is the whole file. */
  readonly whole: boolean
}

const INFER_RECORDS = 1000

interface Column {
  readonly name: string
  readonly type: CsvType
  readonly convert: Convert
}

/** One record per CSV row, as an object by column name. */
export class CsvDecoder<T> implements Decoder<T> {
  readonly firstRecord: { readonly offset: number; readonly line: number }
  readonly #columns: readonly Column[]
  readonly #reading: CsvReading<T>
  readonly #tokenizer: CsvTokenizer
  /** True when a column is called `__proto__`, which plain assignment would not store. */
  readonly #needsDefine: boolean

  private constructor(
    reading: CsvReading<T>,
    columns: readonly Column[],
    firstRecord: { offset: number; line: number },
  ) {
    this.#reading = reading
    this.#columns = columns
    this.#tokenizer = new CsvTokenizer(reading)
    this.#needsDefine = columns.some((column) => column.name === "__proto__")
    this.firstRecord = firstRecord
  }

  /**
   * Finds the columns of a file. Every split of the file does so from the same bytes, so all of them agree.
   *
   * @returns undefined when the head is too short to hold the header
   * @throws {EngineError} CSV_HEADER_INVALID, CSV_COLUMN_UNKNOWN
   */
  static forFile<T>(reading: CsvReading<T>, head: FileHead): CsvDecoder<T> | undefined {
    const rows = readHead(reading, head)
    if (rows === undefined) return undefined
    const names = columnNames(reading, head, rows.records[0])
    const body = reading.header === true ? rows.records.slice(1) : rows.records
    const types = columnTypes(reading, head.path, names, body)
    const columns = names.map((name, index) => ({ name, type: types[index]!, convert: converter(types[index]!) }))
    const firstRecord =
      reading.header === true
        ? { offset: head.offset + rows.firstLength, line: 1 + rows.firstLines }
        : { offset: head.offset, line: 1 }
    return new CsvDecoder(reading, columns, firstRecord)
  }

  decode(block: Block, report: (bad: BadPiece) => void): Decoded<T> {
    const { maxRecordBytes } = this.#reading
    const { bytes } = block
    const validUtf8 = isUtf8(bytes)
    // With invalid bytes around, cells are cut from Latin-1, where a character is a byte, and decoded one by one.
    const text = bytes.toString(validUtf8 ? "utf8" : "latin1")
    const byteOffset =
      text.length === bytes.length ? (at: number) => at : (at: number) => Buffer.byteLength(text.slice(0, at))
    const mayBeTooLong = bytes.length > maxRecordBytes
    const tokenizer = this.#tokenizer
    tokenizer.start(text)

    const values: T[] = []
    let lines = 0
    let at = 0
    while (at < text.length) {
      let next = tokenizer.read(at)
      if (next === INCOMPLETE && !block.last && bytes.length - byteOffset(at) <= maxRecordBytes) break
      let reason: string | undefined
      if (next < 0) {
        reason = next === BROKEN ? tokenizer.reason : "a quoted cell is never closed"
        // Only the line it began on is given up: a stray quote must not cost the records after it.
        const newline = text.indexOf("\n", at)
        next = newline === -1 ? text.length : newline + 1
      } else if (mayBeTooLong && Buffer.byteLength(text.slice(at, next)) > maxRecordBytes) {
        reason = tooLong(maxRecordBytes)
      } else if (tokenizer.cells.length > 0) {
        const checked = this.#toRecord(tokenizer.cells, validUtf8)
        if ("value" in checked) values.push(checked.value)
        else reason = checked.reason
      }
      if (reason !== undefined) {
        const start = byteOffset(at)
        const line = block.line === null ? null : block.line + lines
        report({
          raw: rawText(trimEnd(bytes.subarray(start, byteOffset(next)))),
          reason,
          offset: block.offset + start,
          line,
        })
      }
      lines += this.#reading.quotedNewlines ? countNewlines(text, at, next) : 1
      at = next
    }
    return { values, bytes: at === text.length ? bytes.length : byteOffset(at), lines }
  }

  #toRecord(cells: string[], validUtf8: boolean): Checked<T> {
    const columns = this.#columns
    if (cells.length !== columns.length) {
      return { reason: `${cells.length} cells, but there are ${columns.length} columns` }
    }
    const record: Record<string, unknown> = {}
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index]!
      let cell = cells[index]!
      if (!validUtf8) {
        const bytes = Buffer.from(cell, "latin1")
        if (!isUtf8(bytes)) return { reason: NOT_UTF8 }
        cell = bytes.toString("utf8")
      }
      const value = column.convert(cell)
      if (value === NOT_OF_TYPE) return { reason: notOfType(column.name, column.type, cell) }
      if (this.#needsDefine) Object.defineProperty(record, column.name, { value, ...PLAIN_PROPERTY })
      else record[column.name] = value
    }
    const { schema } = this.#reading
    return schema === undefined ? { value: record as T } : applySchema(schema, record)
  }
}

const PLAIN_PROPERTY = { enumerable: true, writable: true, configurable: true } as const

interface HeadRows {
  readonly records: readonly (readonly string[])[]
  /** Bytes and lines up to the end of the first record. */
  readonly firstLength: number
  readonly firstLines: number
}

function readHead<T>(reading: CsvReading<T>, head: FileHead): HeadRows | undefined {
  const lastNewline = head.bytes.lastIndexOf("\n") + 1
  const text = head.bytes.toString("utf8", 0, head.whole ? head.bytes.length : lastNewline)
  const tokenizer = new CsvTokenizer(reading)
  tokenizer.start(text)
  const records: string[][] = []
  let firstEnd = 0
  const wanted = reading.types === "infer" ? INFER_RECORDS + 1 : 1
  for (let at = 0; at < text.length && records.length < wanted; ) {
    const next = tokenizer.read(at)
    if (next < 0) {
      if (records.length > 0 && next === BROKEN) {
        at = text.indexOf("\n", at) + 1 || text.length
        continue
      }
      if (records.length > 0) break
      if (next === INCOMPLETE && !head.whole) return undefined
      throw invalidHeader(head.path, next === BROKEN ? tokenizer.reason : "a quoted cell is never closed")
    }
    if (tokenizer.cells.length > 0) {
      records.push([...tokenizer.cells])
      if (records.length === 1) firstEnd = next
    }
    at = next
  }
  if (records.length === 0 && !head.whole) return undefined
  const first = text.slice(0, firstEnd)
  return { records, firstLength: Buffer.byteLength(first), firstLines: countNewlines(first, 0, first.length) }
}

function columnNames<T>(
  reading: CsvReading<T>,
  head: FileHead,
  first: readonly string[] | undefined,
): readonly string[] {
  if (typeof reading.header === "object") return reading.header
  if (reading.header === false) return (first ?? []).map((_cell, index) => `column${index}`)
  const names = first ?? []
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) throw invalidHeader(head.path, `two columns are called ${JSON.stringify(name)}`)
    seen.add(name)
  }
  return names
}

function columnTypes<T>(
  reading: CsvReading<T>,
  path: string,
  names: readonly string[],
  records: readonly (readonly string[])[],
): readonly CsvType[] {
  const { types } = reading
  if (types === "infer") {
    const whole = records.filter((record) => record.length === names.length)
    return names.map((_name, index) => inferType(whole.map((record) => record[index]!)))
  }
  if (names.length > 0) {
    for (const name of Object.keys(types)) {
      if (names.includes(name)) continue
      const near = closest(name, names)
      throw new EngineError(
        "CSV_COLUMN_UNKNOWN",
        `Cannot read ${path}: option types names the column ${JSON.stringify(name)}, and the file has ${names.join(", ")}; ${near === undefined ? "correct the name" : `did you mean ${near}?`}`,
        { details: { path, column: name } },
      )
    }
  }
  return names.map((name) => (Object.hasOwn(types, name) ? types[name]! : "string"))
}

function invalidHeader(path: string, state: string): EngineError {
  return new EngineError(
    "CSV_HEADER_INVALID",
    `Cannot read ${path}: in its first row ${state}; correct it, or, if the file has no header, pass the column names as header: ["a", "b"]`,
    { details: { path } },
  )
}

function countNewlines(text: string, from: number, to: number): number {
  let count = 0
  for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) count++
  return count
}

function trimEnd(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--
  return bytes.subarray(0, end)
}
