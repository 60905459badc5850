import { EngineError } from "../../errors/index.ts"
import { CsvDecoder, type CsvReading, type FileHead } from "./_csv-decoder.ts"
import { CsvEncoder } from "./_csv-encoder.ts"
import { CSV_TYPES, type CsvType } from "./_csv-types.ts"
import { fileConnector, namedPaths } from "./_file-connector.ts"
import { checkOptionNames, invalidOption, readSettings, writeSettings } from "./_options.ts"
import type { FileFormat, ReadOptions, WriteOptions } from "./file-format.ts"

export type { CsvType } from "./_csv-types.ts"

export type CsvOptions<T> = ReadOptions<T> &
  WriteOptions & {
    /**
     * Reading: true (default) when the first row holds the column names; a list of names, or false for `column0`, `column1` ...,
     * when the first row is a record. Writing: false leaves the names out, which otherwise head every part.
     */
    readonly header?: boolean | readonly string[]
    /** One ASCII character. Default: `,`, and a tab when every path ends in `.tsv` or `.tsv.gz`. */
    readonly delimiter?: string
    /** One ASCII character; false: quotes are ordinary characters (reading only). Default: `"`. */
    readonly quote?: string | false
    /**
     * Reading: may a quoted cell hold a line end? Default: true. Then nothing but reading a file from its start tells where its records
     * begin, so it is one split and has one reader. Set it to false to have large files shared by all readers.
     */
    readonly quotedNewlines?: boolean
    /**
     * Reading: what cells are turned into, by column. Columns not named, and all of them by default, stay strings. A cell
     * that is not of its type makes the row malformed; an empty one is null (in a string column: the empty string).
     * Dates are ISO 8601 and UTC unless they name a zone, and become `Date`. `"infer"` takes for each column of each file the
     * narrowest type that the first 1,000 rows (or 64 KiB) fit.
     */
    readonly types?: Readonly<Record<string, CsvType>> | "infer"
    /** Writing: the columns and their order. Default: the fields of each writer's first record. */
    readonly columns?: readonly string[]
  }

const FORMAT_NAMES = ["header", "delimiter", "quote", "quotedNewlines", "types", "columns"]
const HEAD_BYTES = 64 * 1024
const LONGEST_HEAD_BYTES = 16 * 1024 * 1024

/**
 * CSV files (RFC 4180) to read from or to write to; records are objects by column name. Files, parts and errors are as for
 * `ndjson`; a directory stands for its `.csv` and `.tsv` files, and parts are called `.csv`.
 *
 * ```ts
 * source(csv<Flight>("flights.csv", { types: { delay: "number", distance: "number", date: "date" } }))
 * ```
 *
 * **Reading.** Every cell is a string unless `types` says otherwise: nothing is guessed. A row is malformed when it has more or
 * fewer cells than there are columns, a quoted cell is not closed or is followed by more text, a cell is not of its
 * type, or it is not valid UTF-8; a bad quote costs the line it stands on, and reading goes on with the next. A quote in the middle of an
 * unquoted cell is an ordinary character. Empty lines are passed over.
 *
 * **Writing.** Strings are quoted where they must be, null and undefined are empty cells, a Date is its ISO text, other objects are JSON. A
 * record with a field that is no column is refused with RECORD_NOT_WRITABLE; a missing field is an empty cell.
 *
 * @throws {EngineError} as `ndjson`, and CSV_HEADER_INVALID, CSV_COLUMN_UNKNOWN
 */
export function csv<T = Record<string, string>>(
  paths: string | readonly string[],
  options: CsvOptions<T> = {},
): FileFormat<T> {
  checkOptionNames("csv", options, FORMAT_NAMES)
  checkCsvOptions(options)
  const named = namedPaths("csv", paths)
  const settings = readSettings("csv", options)
  const tabs = named.paths.length > 0 && named.paths.every((path) => /\.tsv(?:\.gz)?$/i.test(path))
  const delimiter = options.delimiter ?? (tabs ? "\t" : ",")
  const quote = options.quote ?? '"'
  const reading: CsvReading<T> = {
    delimiter,
    quote: quote === false ? undefined : quote,
    quotedNewlines: quote !== false && (options.quotedNewlines ?? true),
    header: options.header ?? true,
    types: options.types ?? {},
    maxRecordBytes: settings.maxRecordBytes,
    schema: options.schema,
  }
  return fileConnector<T>(
    {
      ...named,
      extensions: [".csv", ".tsv"],
      cuttable: !reading.quotedNewlines,
      settings,
      decoder: (path, head) => decoderFor(reading, path, head),
    },
    {
      ...named,
      extension: "csv",
      settings: writeSettings("csv", options),
      encoder: () =>
        new CsvEncoder<T>({
          delimiter,
          quote: quote === false ? '"' : quote,
          columns: options.columns ?? (typeof options.header === "object" ? options.header : undefined),
          header: options.header !== false,
        }),
    },
  )
}

async function decoderFor<T>(
  reading: CsvReading<T>,
  path: string,
  head: (bytes: number) => Promise<FileHead>,
): Promise<CsvDecoder<T>> {
  const decoder =
    CsvDecoder.forFile(reading, await head(HEAD_BYTES)) ?? CsvDecoder.forFile(reading, await head(LONGEST_HEAD_BYTES))
  if (decoder !== undefined) return decoder
  throw new EngineError(
    "CSV_HEADER_INVALID",
    `Cannot read ${path}: its first row does not end within ${LONGEST_HEAD_BYTES} bytes; check that it is a CSV file, its line ends, and options quote and header`,
    { details: { path } },
  )
}

function checkCsvOptions<T>(options: CsvOptions<T>): void {
  const { delimiter, quote, header, types, columns } = options
  const one = "pass one ASCII character other than a line end"
  if (delimiter !== undefined && !isCharacter(delimiter)) throw invalidOption("csv", "delimiter", delimiter, one)
  if (quote !== undefined && quote !== false && !isCharacter(quote)) throw invalidOption("csv", "quote", quote, one)
  if ((delimiter ?? ",") === (quote ?? '"'))
    throw invalidOption("csv", "quote", quote ?? '"', "it must differ from the delimiter")
  if (header !== undefined && typeof header !== "boolean") checkNames("header", header)
  if (columns !== undefined) checkNames("columns", columns)
  if (types === undefined || types === "infer") return
  for (const [column, type] of Object.entries(types)) {
    if (!CSV_TYPES.includes(type))
      throw invalidOption("csv", `types.${column}`, type, `pass one of ${CSV_TYPES.join(", ")}`)
  }
}

function isCharacter(text: string): boolean {
  return typeof text === "string" && /^[^\r\n\u0080-\uffff]$/.test(text)
}

function checkNames(option: string, names: readonly string[]): void {
  const fine = Array.isArray(names) && names.length > 0 && new Set(names).size === names.length
  if (!fine) throw invalidOption("csv", option, names, "pass a list of different column names")
}
