import { FileSource, type Reading } from "./_file-source.ts"
import { PartSink, type Writing } from "./_part-sink.ts"
import type { FileFormat } from "./file-format.ts"

/** Joins both directions of a format in one object. Which of them is used, and so what the path means, shows only later. */
export function fileConnector<T>(reading: Reading<T>, writing: Writing<T>): FileFormat<T> {
  const source = new FileSource(reading)
  const sink = new PartSink(writing)
  return {
    label: source.label,
    bounded: source.bounded,
    badRecords: source.badRecords,
    get splitsInOrder() {
      return source.splitsInOrder
    },
    splits: (context) => source.splits(context),
    read: (split, from, context) => source.read(split, from, context),
    kind: sink.kind,
    writer: (context) => sink.writer(context),
    prepare: (context) => sink.prepare(context),
    commit: (committables, context) => sink.commit(committables, context),
    abort: (context) => sink.abort(context),
  }
}

/** @returns the paths as a list, and the text that names them in messages */
export function namedPaths(
  format: string,
  paths: string | readonly string[],
): { label: string; paths: readonly string[] } {
  const list = typeof paths === "string" ? [paths] : [...paths]
  const more = list.length > 1 ? ` and ${list.length - 1} more` : ""
  return { label: `${format}(${list[0] ?? ""}${more})`, paths: list }
}
