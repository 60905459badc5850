/**
 * Files as sources and sinks: `millrace/files`. `ndjson`, `csv` and `textLines` each make one object for both directions: pass it to
 * `source(...)` with files, globs or directories, or to `.to(...)` with a directory to write parts in.
 *
 * Promises: every record of the input once and in file order, positions that survive a restart, malformed lines named by file and
 * line, and output that appears whole or not at all. Leans on contracts/, errors/ and tinyglobby (globs: fs.glob is not
 * stable before Node 22). Read ndjson.ts first, then _file-source.ts for the way in and _part-sink.ts for the way out.
 */
export { type CsvOptions, type CsvType, csv } from "./csv.ts"
export { type DeadLetter, DeadLetterFile, type DeadLetterOptions, deadLetterPath } from "./dead-letter.ts"
export type { FileFormat, ReadOptions, WriteOptions } from "./file-format.ts"
export { type NdjsonOptions, ndjson } from "./ndjson.ts"
export type { SchemaIssue, SchemaResult, StandardSchema } from "./standard-schema.ts"
export { type TextLinesOptions, textLines } from "./text-lines.ts"
