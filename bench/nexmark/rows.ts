import type { Sink, Stream } from "millrace"
import type { NexmarkParams } from "./query-params.ts"
import { type Row, RowFold, RowText } from "./row.ts"
import { RunNotes } from "./run-notes.ts"

/** Writes the fields of a row. */
export type WriteRow<T> = (value: T, row: Row) => void

/**
 * Where the rows of a query go: they are added up, every one, or collected as lines.
 * @param keyOf for a query whose rows replace the ones before of their key: goes with the line, so that the last of each can be told
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
      stream.to(foldSink(new RunNotes(params.notes), write)).name("rows")
    }
  }
}

function foldSink<T>(notes: RunNotes, write: WriteRow<T>): Sink<T> {
  return {
    label: "rows added up",
    writer() {
      const fold = new RowFold()
      return {
        write(values) {
          for (const value of values) write(value, fold.begin())
        },
        close: () => notes.end(fold.end()),
      }
    },
  }
}
