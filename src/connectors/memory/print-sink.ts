import { inspect } from "node:util"
import type { Sink } from "../../contracts/index.ts"

export interface PrintOptions<T> {
  /** Makes the line for a value. Default: strings as they are, other values on one line as Node shows them. */
  readonly format?: (value: T) => string
}

/** A sink whose lines the engine prints in the main thread. */
export interface PrintSink<T> extends Sink<T> {
  readonly toMain: "print"
}

/**
 * Prints a line per value. Lines are made on the worker, where the values are, and printed by the main thread.
 * Backpressure: a batch is taken once the main thread has the one before.
 */
export function printSink<T>(options: PrintOptions<T> = {}): PrintSink<T> {
  const format = options.format ?? oneLine
  return {
    label: "print",
    toMain: "print",
    writer: ({ toMain }) => ({ write: (values) => toMain(values.map((value) => format(value))) }),
  }
}

function oneLine(value: unknown): string {
  if (typeof value === "string") return value
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 6 })
}
