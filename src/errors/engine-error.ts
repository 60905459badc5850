/**
 * The one error class of the engine: a stable code to match on, a message that says the attempted action, the state
 * found and a remedy, and whether trying again can help.
 *
 * Match on `code`, never on class identity: errors cross threads as plain data (`toPlainError`) and are rebuilt.
 * Every code is listed with its remedy in docs/errors.md.
 */
export class EngineError extends Error {
  override readonly name: string = "EngineError"
  readonly code: string
  readonly retriable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retriable = options.retriable ?? false
    this.details = options.details ?? {}
  }
}

export interface EngineErrorOptions {
  readonly cause?: unknown
  /** True when the same attempt may succeed later without a change by the user. */
  readonly retriable?: boolean
  /** Cloneable facts for programs: paths, positions, operator ids. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** An error as plain data: what survives a message between threads. */
export interface PlainError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
  readonly retriable?: boolean
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: PlainError
}

const MAX_CAUSES = 8

/** Turns anything thrown into plain data. Details that cannot be cloned are turned into text, nothing throws here. */
export function toPlainError(thrown: unknown, depth = 0): PlainError {
  if (!(thrown instanceof Error) && !looksLikeError(thrown)) {
    return { name: "Error", message: `A value that is no Error was thrown: ${describe(thrown)}` }
  }
  const error = thrown as Error & { code?: unknown; retriable?: unknown; details?: unknown; cause?: unknown }
  return {
    name: String(error.name),
    message: String(error.message),
    ...(typeof error.stack === "string" ? { stack: error.stack } : {}),
    ...(typeof error.code === "string" ? { code: error.code } : {}),
    ...(typeof error.retriable === "boolean" ? { retriable: error.retriable } : {}),
    ...(isPlainDetails(error.details) ? { details: cloneable(error.details) } : {}),
    ...(error.cause !== undefined && depth < MAX_CAUSES ? { cause: toPlainError(error.cause, depth + 1) } : {}),
  }
}

/** Rebuilds an Error from plain data: an EngineError where there is a code, else an Error of the original name. */
export function fromPlainError(plain: PlainError): Error {
  const cause = plain.cause === undefined ? undefined : fromPlainError(plain.cause)
  if (plain.code !== undefined) {
    const error = new EngineError(plain.code, plain.message, {
      ...(cause === undefined ? {} : { cause }),
      retriable: plain.retriable ?? false,
      details: plain.details ?? {},
    })
    return withStack(error, plain)
  }
  const error = new Error(plain.message, cause === undefined ? undefined : { cause })
  error.name = plain.name
  return withStack(error, plain)
}

function withStack<E extends Error>(error: E, plain: PlainError): E {
  if (plain.stack !== undefined) error.stack = plain.stack
  return error
}

function looksLikeError(value: unknown): boolean {
  return typeof value === "object" && value !== null && "message" in value && "name" in value
}

function isPlainDetails(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0
}

function cloneable(details: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(details)) {
    const kind = typeof value
    result[key] =
      value === null || kind === "string" || kind === "number" || kind === "boolean" ? value : describe(value)
  }
  return result
}

/** A short, safe text for any value, for messages: at most `maxLength` characters, never throws. */
export function describe(value: unknown, maxLength = 200): string {
  let text: string
  try {
    text =
      typeof value === "string"
        ? JSON.stringify(value)
        : typeof value === "object" && value !== null
          ? (JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? String(value))
          : String(value)
  } catch {
    // Circular values and throwing getters: the type is all that can be said.
    text = Object.prototype.toString.call(value)
  }
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`
}
