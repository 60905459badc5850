import { EngineError, type PlainError } from "../errors/index.ts"

/** Rises when an older side could no longer read what a newer one sends. */
export const PROTOCOL_VERSION = 1
/** A longer line is refused: no request or answer comes near it. */
export const MAX_LINE_CHARS = 4 * 1024 * 1024

/** One line from the asker. */
export interface RequestLine {
  readonly v: number
  /** The asker's; comes back with the answer. */
  readonly id: number
  readonly request: string
  readonly params: Readonly<Record<string, unknown>>
}

/** One line to the asker. */
export type AnswerLine =
  | { readonly v: number; readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly v: number; readonly id: number; readonly ok: false; readonly error: PlainError }

/** Cuts a stream of text into lines. Pure; bounded by MAX_LINE_CHARS. */
export class LineReader {
  #rest = ""

  /**
   * Takes what came and answers the lines that are whole now, without their line feeds.
   *
   * @throws {EngineError} CONTROL_REQUEST_INVALID when a line is too long
   */
  take(text: string): string[] {
    const lines = (this.#rest + text).split("\n")
    this.#rest = lines.pop()!
    if (this.#rest.length > MAX_LINE_CHARS) throw invalid(`a line is longer than ${MAX_LINE_CHARS} characters`)
    return lines.filter((line) => line.trim() !== "")
  }
}

/**
 * Reads a request, believing nothing.
 *
 * @throws {EngineError} CONTROL_REQUEST_INVALID, CONTROL_VERSION
 */
export function readRequest(line: string): RequestLine {
  const value = parse(line)
  const { v, id, request, params } = value
  if (v !== PROTOCOL_VERSION) throw otherVersion(v)
  if (typeof id !== "number" || typeof request !== "string") throw invalid("it has no id or names no request")
  if (params !== undefined && !isObject(params)) throw invalid("its params are no object")
  return { v, id, request, params: params ?? {} }
}

/**
 * Reads an answer.
 *
 * @throws {EngineError} CONTROL_REQUEST_INVALID, CONTROL_VERSION
 */
export function readAnswer(line: string): AnswerLine {
  const value = parse(line)
  if (value.v !== PROTOCOL_VERSION) throw otherVersion(value.v)
  if (typeof value.id !== "number" || typeof value.ok !== "boolean") throw invalid("it is no answer")
  return value as unknown as AnswerLine
}

export function lineOf(message: RequestLine | AnswerLine): string {
  return `${JSON.stringify(message)}\n`
}

function parse(line: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw invalid("it is no JSON", cause)
  }
  if (!isObject(value)) throw invalid("it is no object")
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function invalid(found: string, cause?: unknown): EngineError {
  return new EngineError(
    "CONTROL_REQUEST_INVALID",
    `Cannot read a message of the control endpoint: ${found}; send one JSON object per line, as docs/design/006-control-endpoint.md says`,
    cause === undefined ? {} : { cause },
  )
}

function otherVersion(v: unknown): EngineError {
  return new EngineError(
    "CONTROL_VERSION",
    `Cannot talk to the job: the other side speaks version ${JSON.stringify(v) ?? "none"} of the control protocol, this one ${PROTOCOL_VERSION}; use the millrace that runs the job`,
  )
}
