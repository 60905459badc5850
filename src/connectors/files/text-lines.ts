import { fileConnector, namedPaths } from "./_file-connector.ts"
import { checkOptionNames, readSettings, writeSettings } from "./_options.ts"
import { LineDecoder } from "./_text-decoder.ts"
import { LineEncoder } from "./_text-encoder.ts"
import type { FileFormat, ReadOptions, WriteOptions } from "./file-format.ts"

export type TextLinesOptions = ReadOptions<string> &
  WriteOptions & {
    /** True: an empty line is an empty string. Default: empty lines are passed over. */
    readonly keepEmpty?: boolean
  }

/**
 * Text files, one string per line, to read from or to write to. Files, splits, parts and errors are as for `ndjson`; a directory
 * stands for its `.txt`, `.log` and `.text` files, and parts are called `.txt`.
 *
 * A line that is not valid UTF-8 or is longer than `maxRecordBytes` is malformed. When writing, a string that holds a
 * line end is refused with RECORD_NOT_WRITABLE.
 */
export function textLines(paths: string | readonly string[], options: TextLinesOptions = {}): FileFormat<string> {
  checkOptionNames("textLines", options, ["keepEmpty"])
  const named = namedPaths("textLines", paths)
  const settings = readSettings("textLines", options)
  return fileConnector<string>(
    {
      ...named,
      extensions: [".txt", ".log", ".text"],
      cuttable: true,
      settings,
      decoder: () => new LineDecoder<string>(settings.maxRecordBytes, options.keepEmpty ?? false, options.schema),
    },
    {
      ...named,
      extension: "txt",
      settings: writeSettings("textLines", options),
      encoder: () => new LineEncoder<string>(),
    },
  )
}
