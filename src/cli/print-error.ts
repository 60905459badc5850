import { fileURLToPath } from "node:url"
import { type PlainError, toPlainError } from "../errors/index.ts"
import { type Paint, painter } from "./_terminal.ts"
import type { Io } from "./io.ts"
import { type FrameFilter, userFrames } from "./user-frames.ts"

export interface ErrorStyle extends FrameFilter {
  readonly paint: Paint
  /** Show every frame, and the details. */
  readonly verbose: boolean
}

/** Writes anything thrown to stderr: code, message, the user's own frames, the causes. */
export function printError(io: Io, error: unknown, verbose: boolean): void {
  const engineRoot = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "")
  io.stderr.write(errorText(error, { verbose, engineRoot, cwd: process.cwd(), paint: painter(io.stderr, io.env) }))
}

/** The text of `printError`. Ends in a line feed. */
export function errorText(thrown: unknown, style: ErrorStyle): string {
  const { paint, verbose } = style
  const lines: string[] = []
  let above = ""
  for (let error: PlainError | undefined = toPlainError(thrown); error !== undefined; error = error.cause) {
    const first = above === ""
    lines.push(...(first ? headline(error, paint) : ["", paint("dim", causeLine(error, above))]))
    lines.push(...frames(error, style).map((frame) => paint("dim", `    ${frame}`)))
    if (verbose && error.details !== undefined) lines.push(paint("dim", `    details ${JSON.stringify(error.details)}`))
    above += `${error.message}\n`
  }
  const more =
    verbose || (thrown as { code?: unknown } | null)?.code !== undefined
      ? []
      : ["", paint("dim", "--verbose shows the whole stack")]
  return `${[...lines, ...more].join("\n")}\n`
}

function headline(error: PlainError, paint: Paint): string[] {
  const tag = paint("red", `error ${error.code ?? error.name}`)
  return [tag, error.message]
}

/** A message that the error above it already quotes is not said again. */
function causeLine(error: PlainError, above: string): string {
  const tag = `caused by ${error.code === undefined ? error.name : `${error.name} ${error.code}`}`
  return error.message === "" || above.includes(error.message) ? tag : `${tag}: ${error.message}`
}

function frames(error: PlainError, style: ErrorStyle): string[] {
  const stack = error.stack ?? ""
  if (!style.verbose) return userFrames(stack, style)
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim())
}
