import type { Sink, Stream } from "millrace"
import type { NexmarkParams } from "./query-params.ts"
import { type Row, RowFold, RowText } from "./row.ts"
import { RunNotes } from "./run-notes.ts"

/** Writes the fields of a row. */
export type WriteRow<T> = (value: T, row: Row) => void

/**
 * Where the rows of a query go: they are added up, or collected as lines.
 * @param keyOf for a query whose rows replace the ones before of their key: what counts is the last of each
 */
export function rows<T>(
  params: Pick<NexmarkParams, "collect" | "notes">,
  write: WriteRow<T>,
  keyOf?: (value: T) => number | string,
) {
  return (stream: Stream<T>): void => {
    if (params.collect) {
      const text = new RowText()
      stream
        .map((value) => {
          write(value, text)
          return { key: keyOf?.(value), line: text.take() }
        })
        .collect()
        .name("rows")
    } else {
      stream.to(foldSink(new RunNotes(params.notes), write, keyOf)).name("rows")
    }
  }
}

function foldSink<T>(notes: RunNotes, write: WriteRow<T>, keyOf?: (value: T) => number | string): Sink<T> {
  return {
    label: "rows added up",
    writer() {
      const fold = new RowFold()
      const newest = new Map<number | string, T>()
      let updates = 0
      return {
        write(values) {
          if (keyOf === undefined) for (const value of values) write(value, fold.begin())
          else for (const value of values) newest.set(keyOf(value), value)
          updates += values.length
        },
        close() {
          for (const value of newest.values()) write(value, fold.begin())
          notes.end({ ...fold.end(), updates })
        },
      }
    },
  }
}
