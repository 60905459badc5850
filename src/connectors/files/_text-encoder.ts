import { describe, EngineError } from "../../errors/index.ts"
import type { Encoder } from "./_encoder.ts"

/** One string per line, as it is. */
export class LineEncoder<T extends string> implements Encoder<T> {
  header(): string {
    return ""
  }

  encode(value: T): string {
    if (typeof value === "string" && !value.includes("\n")) return `${value}\n`
    const state = typeof value === "string" ? "it holds a line end, and would be read as two lines" : "it is no string"
    throw new EngineError(
      "RECORD_NOT_WRITABLE",
      `Cannot write the record ${describe(value)} as a line of text: ${state}; change it in a map before the sink, or write ndjson`,
    )
  }
}
