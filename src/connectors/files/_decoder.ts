import { EngineError } from "../../errors/index.ts"
import type { StandardSchema } from "./standard-schema.ts"

/** Whole lines of a file: the last byte is a newline, or the last of the file. */
export interface Block {
  readonly bytes: Buffer
  /** Offset in the file of the first byte. */
  readonly offset: number
  /** Number of the first line, counted from 1; null when reading began in the middle of the file. */
  readonly line: number | null
  /** True when the decoder will not be shown more after this block: what is incomplete now is malformed. */
  readonly last: boolean
}

/** What a decoder made of a block. `bytes` is less than the block when its last record goes on after it, 0 when its first does. */
export interface Decoded<T> {
  readonly values: T[]
  readonly bytes: number
  readonly lines: number
}

/** A piece of a block that is no record. */
export interface BadPiece {
  readonly raw: string
  readonly reason: string
  /** Offset in the file of its first byte, and its line where known. */
  readonly offset: number
  readonly line: number | null
}

/** Turns bytes into records. Keeps nothing between blocks, so that reading can start at any record. */
export interface Decoder<T> {
  /** Where the first record of the file begins, when something stands before it (a header). */
  readonly firstRecord?: { readonly offset: number; readonly line: number }
  decode(block: Block, report: (bad: BadPiece) => void): Decoded<T>
}

const RAW_BYTES = 2048

/** The first bytes of malformed input as text. */
export function rawText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, RAW_BYTES)).toString("utf8")
  return bytes.length > RAW_BYTES ? `${text}…` : text
}

export function tooLong(maxRecordBytes: number): string {
  return `longer than maxRecordBytes (${maxRecordBytes} bytes)`
}

export const NOT_UTF8 = "not valid UTF-8"

/** Shows each line of a block, without its line end (`\n` or `\r\n`), to `visit`. @returns the number of lines */
export function eachLine(block: Block, visit: (start: number, end: number, index: number) => void): number {
  const { bytes } = block
  let index = 0
  for (let start = 0; start < bytes.length; index++) {
    const newline = bytes.indexOf(NEWLINE, start)
    const stop = newline === -1 ? bytes.length : newline
    visit(start, stop > start && bytes[stop - 1] === CARRIAGE_RETURN ? stop - 1 : stop, index)
    start = stop + 1
  }
  return index
}

export const NEWLINE = 10
const CARRIAGE_RETURN = 13

/** The record as the schema returns it, or why it is none. */
export type Checked<T> = { readonly value: T } | { readonly reason: string }

/** @throws {EngineError} SOURCE_SCHEMA_ASYNC when the schema answers with a promise */
export function applySchema<T>(schema: StandardSchema<T>, value: unknown): Checked<T> {
  const result = schema["~standard"].validate(value)
  if (result instanceof Promise) {
    throw new EngineError(
      "SOURCE_SCHEMA_ASYNC",
      `Cannot validate records: the schema (${schema["~standard"].vendor}) answers with a promise; use a schema without asynchronous checks`,
    )
  }
  if (result.issues === undefined) return result
  return { reason: result.issues.map(issueText).join("; ") || "refused by the schema" }
}

function issueText(issue: { readonly message: string; readonly path?: readonly unknown[] | undefined }): string {
  const path = (issue.path ?? []).map((step) =>
    String(typeof step === "object" && step !== null && "key" in step ? step.key : step),
  )
  return path.length === 0 ? issue.message : `${path.join(".")}: ${issue.message}`
}
