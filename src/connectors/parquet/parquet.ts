import { statSync } from "node:fs"
import type { Position, ReadContext, Source, SourceBatch, Split } from "../../contracts/index.ts"
import { closest, describe, EngineError } from "../../errors/index.ts"
import { type FooterCache, openParquet, rowsOf } from "./_parquet-file.ts"
import { corrupt, parquetFiles } from "./_paths.ts"
import { columnNames, type RowGroupOptions, readRowGroup } from "./_row-group-reader.ts"

export interface ParquetOptions {
  /** Top-level columns to read, and the order of the fields. Default: all. What is not read costs nothing. */
  readonly columns?: readonly string[]
  /**
   * What timestamps and dates become: numbers of milliseconds since 1970 (`"ms"`, the default), or `Date` objects.
   * Either way finer parts are rounded down, and timestamps without a time zone are taken as UTC.
   */
  readonly dates?: "ms" | "Date"
  /** Reads byte arrays without a declared type as UTF-8 text, as some old writers mean them. Default: false, `Uint8Array`. */
  readonly binaryAsString?: boolean
  /**
   * True when the row groups of all files, one after the other, are in order of time within the pipeline's bound.
   * Default: true for a single file, else false.
   */
  readonly inOrder?: boolean
}

/** What `parquet()` answers. */
export type ParquetSource<T> = Source<T>

interface SplitData {
  readonly path: string
  readonly rowGroup: number
  /** To notice that the file was replaced since the splits were listed. */
  readonly rows: number
}

/**
 * Reads Parquet files. Rows are plain objects, one field per column, null for a missing value.
 *
 * - One split per row group, in file order; a position is a row offset within the row group.
 * - 64-bit integers arrive as numbers while they are safe (up to 2^53 - 1), beyond that as bigints, value by value.
 *   Decimals arrive as numbers, also when those cannot hold all of their digits.
 * - Reading takes short turns: flat columns are decoded 1,024 rows at a time, the event loop gets its turn between
 *   pages. Nested columns are decoded a row group at once.
 * - Memory per reader: the compressed bytes of one row group plus one unpacked page per column.
 *
 * @param path a file, a directory of `*.parquet` files, or several of these
 * @throws {EngineError} OPTION_INVALID when called without a path, with an unknown option or value;
 *   while reading PEER_MISSING, SOURCE_FILE_MISSING, SOURCE_FILE_UNREADABLE, SOURCE_FILE_CORRUPT, SOURCE_COLUMN_UNKNOWN
 *
 * Needs the packages hyparquet and hyparquet-compressors (optional peer dependencies).
 */
export function parquet<T = Record<string, unknown>>(
  path: string | readonly string[],
  options: ParquetOptions = {},
): ParquetSource<T> {
  const paths = typeof path === "string" ? [path] : path
  checkOptions(paths, options)
  const { columns, dates = "ms", binaryAsString = false, inOrder } = options
  const readOptions = { columns, dates, binaryAsString }
  const footers: FooterCache = {}
  let singleFile: boolean | undefined
  return {
    label: `parquet(${paths.join(", ")})`,
    bounded: true,
    // Looked up when first asked for, in whichever thread: a directory is no single file, whatever its name.
    get splitsInOrder(): boolean {
      if (inOrder !== undefined) return inOrder
      singleFile ??= paths.length === 1 && statSync(paths[0]!, { throwIfNoEntry: false })?.isDirectory() !== true
      return singleFile
    },
    splits: () => listSplits(paths, columns, footers),
    read: (split, from, context) => readSplit<T>(split, from, readOptions, footers, context),
  }
}

async function listSplits(
  paths: readonly string[],
  columns: readonly string[] | undefined,
  footers: FooterCache,
): Promise<readonly Split[]> {
  const splits: Split[] = []
  for (const path of await parquetFiles(paths)) {
    const file = await openParquet(path, footers)
    await file.close()
    // Refuses a column that is not there before anything runs.
    columnNames(file, columns)
    for (const [rowGroup, group] of file.metadata.row_groups.entries()) {
      const data: SplitData = { path, rowGroup, rows: rowsOf(group) }
      if (data.rows > 0) splits.push({ id: `${path}#${rowGroup}`, data })
    }
  }
  return splits
}

async function* readSplit<T>(
  split: Split,
  from: Position | undefined,
  options: RowGroupOptions,
  footers: FooterCache,
  context: ReadContext,
): AsyncGenerator<SourceBatch<T>, void, undefined> {
  const { path, rowGroup, rows } = split.data as SplitData
  const file = await openParquet(path, footers)
  try {
    const group = file.metadata.row_groups[rowGroup]
    if (group === undefined || rowsOf(group) !== rows) {
      throw corrupt(path, `row group ${rowGroup} no longer has ${rows} rows, the file was replaced since the job began`)
    }
    yield* readRowGroup<T>(file, rowGroup, typeof from === "number" ? from : 0, options, context)
  } finally {
    await file.close()
  }
}

const OPTION_NAMES = ["columns", "dates", "binaryAsString", "inOrder"]

function checkOptions(paths: readonly string[], options: ParquetOptions): void {
  const { columns, dates } = options
  const isPath = (path: unknown): boolean => typeof path === "string" && path !== ""
  if (!Array.isArray(paths) || paths.length === 0 || !paths.every(isPath)) {
    throw optionInvalid("the path", paths, "pass the path of a file or directory, or a list of them")
  }
  for (const name of Object.keys(options)) {
    if (OPTION_NAMES.includes(name)) continue
    const near = closest(name, OPTION_NAMES)
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot use parquet(): it has no option ${name}; ` +
        (near === undefined ? `it knows ${OPTION_NAMES.join(", ")}` : `did you mean ${near}?`),
      { details: { option: name } },
    )
  }
  if (dates !== undefined && dates !== "ms" && dates !== "Date") {
    throw optionInvalid("option dates", dates, 'pass "ms" or "Date"')
  }
  if (
    columns !== undefined &&
    (!Array.isArray(columns) || columns.length === 0 || new Set(columns).size < columns.length)
  ) {
    throw optionInvalid("option columns", columns, "name at least one column, and none twice")
  }
}

function optionInvalid(what: string, value: unknown, remedy: string): EngineError {
  return new EngineError("OPTION_INVALID", `Cannot use parquet(): ${what} is ${describe(value)}; ${remedy}`)
}
