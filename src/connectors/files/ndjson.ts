import { fileConnector, namedPaths } from "./_file-connector.ts"
import { JsonEncoder } from "./_json-encoder.ts"
import { NdjsonDecoder } from "./_ndjson-decoder.ts"
import { checkOptionNames, readSettings, writeSettings } from "./_options.ts"
import type { FileFormat, ReadOptions, WriteOptions } from "./file-format.ts"

export type NdjsonOptions<T> = ReadOptions<T> & WriteOptions

/**
 * Files of JSON values, one per line (also called JSON Lines), to read from or to write to.
 *
 * ```ts
 * source(ndjson<Flight>("data/*.ndjson"))
 *   // ...
 *   .to(ndjson("out/hourly"))
 * ```
 *
 * **Reading.** UTF-8; lines end in `\n` or `\r\n`, the last may do without; blank lines and a byte order mark are passed over;
 * gzip is recognised by `.gz` or by its first bytes. Any JSON value is a record. A line that is no JSON, is not valid
 * UTF-8, is longer than `maxRecordBytes` or is refused by `schema` is malformed: see `badRecords`. Files are cut into
 * splits at line ends, so one large file keeps all readers busy.
 *
 * **Writing.** A directory of parts, `part-0000-0000-<run>.ndjson`, one row of them per subtask. A part appears, whole and durable,
 * when the checkpoint it belongs to is complete: exactly once. Parts of an earlier run are replaced: see `existing`.
 *
 * @param paths to read: a file, a directory (its `.ndjson`, `.jsonl` and `.json` files), a glob, or a list of these. To
 *   write: a directory, made when missing
 * @throws {EngineError} OPTION_INVALID here; from the running job SOURCE_FILE_MISSING, SOURCE_GLOB_EMPTY, SOURCE_FILE_UNREADABLE,
 *   SOURCE_FILE_DAMAGED, SOURCE_FILE_CHANGED, SINK_PATH_INVALID, SINK_UNWRITABLE, SINK_OUTPUT_EXISTS, SINK_WRITE_FAILED,
 *   SINK_PART_LOST, RECORD_NOT_WRITABLE
 */
export function ndjson<T = unknown>(paths: string | readonly string[], options: NdjsonOptions<T> = {}): FileFormat<T> {
  checkOptionNames("ndjson", options, [])
  const named = namedPaths("ndjson", paths)
  const settings = readSettings("ndjson", options)
  return fileConnector<T>(
    {
      ...named,
      extensions: [".ndjson", ".jsonl", ".json"],
      cuttable: true,
      settings,
      decoder: () => new NdjsonDecoder<T>(settings.maxRecordBytes, options.schema),
    },
    {
      ...named,
      extension: "ndjson",
      settings: writeSettings("ndjson", options),
      encoder: () => new JsonEncoder<T>(),
    },
  )
}
