import { setImmediate as turn } from "node:timers/promises"
import type { RowGroup, SchemaTree } from "hyparquet"
import type { ReadContext, SourceBatch } from "../../contracts/index.ts"
import { closest, EngineError } from "../../errors/index.ts"
import type { Column } from "./_column.ts"
import { FlatColumn } from "./_flat-column.ts"
import { type ParquetFile, rowsOf } from "./_parquet-file.ts"
import { fileError } from "./_paths.ts"
import type { Peers } from "./_peers.ts"
import { rowBuilder } from "./_row-builder.ts"
import type { ValueOptions } from "./_values.ts"
import { WholeColumn } from "./_whole-column.ts"

const MAX_BATCH_ROWS = 1024
const MAX_BATCH_BYTES = 256 * 1024

export interface RowGroupOptions extends ValueOptions {
  /** Undefined for all. */
  readonly columns: readonly string[] | undefined
}

/**
 * Yields the rows of one row group from row `from` on, in batches of at most 1,024 rows or about 256 KiB.
 * Between two pages the event loop gets a turn. Positions are row offsets within the row group.
 *
 * @throws {EngineError} SOURCE_COLUMN_UNKNOWN; SOURCE_FILE_CORRUPT with the reason for damaged or unsupported content
 */
export async function* readRowGroup<T>(
  file: ParquetFile,
  groupIndex: number,
  from: number,
  options: RowGroupOptions,
  { signal }: Pick<ReadContext, "signal">,
): AsyncGenerator<SourceBatch<T>, void, undefined> {
  const group = file.metadata.row_groups[groupIndex]!
  const rows = rowsOf(group)
  const names = columnNames(file, options.columns)
  const build = rowBuilder(names)
  const batchRows = rowsPerBatch(group, names)
  const values: unknown[][] = names.map(() => new Array(batchRows))
  let columns: Column[]
  try {
    columns = await Promise.all(names.map((name) => openColumn(file, groupIndex, name, options)))
  } catch (error) {
    throw fileError(file.path, error)
  }
  for (const column of columns) column.skip(from)
  for (let row = from; row < rows; ) {
    const count = Math.min(batchRows, rows - row)
    try {
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index]!
        for (let filled = 0; filled < count; ) {
          if (column.ready === 0) {
            await column.load()
            await turn()
            if (signal.aborted) return
          }
          const size = Math.min(column.ready, count - filled)
          column.read(values[index]!, filled, size)
          filled += size
        }
      }
    } catch (error) {
      throw fileError(file.path, error)
    }
    row += count
    yield { values: build(values, count) as readonly T[], next: row }
    if (signal.aborted) return
  }
}

/**
 * The columns to read, in the order asked for, else in the file's.
 *
 * @throws {EngineError} SOURCE_COLUMN_UNKNOWN
 */
export function columnNames(file: ParquetFile, wanted: readonly string[] | undefined): readonly string[] {
  const present = file.peers.hyparquet.parquetSchema(file.metadata).children.map(({ element }) => element.name)
  if (wanted === undefined) return present
  for (const name of wanted) {
    if (present.includes(name)) continue
    const near = closest(name, present)
    throw new EngineError(
      "SOURCE_COLUMN_UNKNOWN",
      `Cannot read column ${JSON.stringify(name)} of ${file.path}: the file has ${present.join(", ")}` +
        `; ${near === undefined ? "check the columns option" : `did you mean ${JSON.stringify(near)}?`}`,
      { details: { path: file.path, column: name } },
    )
  }
  return wanted
}

async function openColumn(file: ParquetFile, groupIndex: number, name: string, options: ValueOptions): Promise<Column> {
  const { hyparquet, pages } = file.peers
  const root = hyparquet.parquetSchema(file.metadata)
  const child = root.children.find(({ element }) => element.name === name)!
  const group = file.metadata.row_groups[groupIndex]!
  const chunk = group.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === name)
  if (chunk?.meta_data === undefined) throw new Error(`column ${name} is encrypted or has no metadata`)
  if (pages !== undefined && isFlat(child)) {
    const { dictionary_page_offset, data_page_offset, total_compressed_size } = chunk.meta_data
    const start = Number(dictionary_page_offset || data_page_offset)
    const end = start + Number(total_compressed_size)
    if (end > file.buffer.byteLength) throw new Error(`column ${name} reaches beyond the end of the file`)
    const bytes = new Uint8Array(await file.buffer.slice(start, end))
    return new FlatColumn(bytes, chunk.meta_data, [root, child], file.peers as Peers & { pages: typeof pages }, options)
  }
  let rowStart = 0
  for (let index = 0; index < groupIndex; index++) rowStart += rowsOf(file.metadata.row_groups[index]!)
  const place = { file: file.buffer, metadata: file.metadata, name, rowStart, rowEnd: rowStart + rowsOf(group) }
  return new WholeColumn(place, file.peers, options)
}

function isFlat({ element, children }: SchemaTree): boolean {
  return children.length === 0 && element.repetition_type !== "REPEATED"
}

/** Fewer rows to a batch where rows are large, by the sizes that the footer gives. */
function rowsPerBatch(group: RowGroup, names: readonly string[]): number {
  let bytes = 0
  for (const { meta_data } of group.columns) {
    if (meta_data !== undefined && names.includes(meta_data.path_in_schema[0]!)) {
      bytes += Number(meta_data.total_uncompressed_size)
    }
  }
  const bytesPerRow = bytes / Math.max(1, rowsOf(group))
  return Math.max(1, Math.min(MAX_BATCH_ROWS, Math.floor(MAX_BATCH_BYTES / Math.max(1, bytesPerRow))))
}
