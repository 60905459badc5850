import type { AsyncBuffer, FileMetaData } from "hyparquet"
import type { Column } from "./_column.ts"
import type { Peers } from "./_peers.ts"
import { DATE_PARSERS, MS_PARSERS, narrowDeep, type ValueOptions } from "./_values.ts"

/** What a whole column is read from. */
export interface ColumnPlace {
  readonly file: AsyncBuffer
  readonly metadata: FileMetaData
  readonly name: string
  /** Rows of the file before and up to the end of the row group. */
  readonly rowStart: number
  readonly rowEnd: number
}

/**
 * A nested column (list, map, struct), decoded by hyparquet in one go when first asked for: it knows how to put nested
 * values together. The synchronous stretch, and the memory, are those of the column in this row group.
 */
export class WholeColumn implements Column {
  ready = 0
  readonly #place: ColumnPlace
  readonly #peers: Peers
  readonly #options: ValueOptions
  #values: unknown[] = []
  #next = 0
  #toSkip = 0

  constructor(place: ColumnPlace, peers: Peers, options: ValueOptions) {
    this.#place = place
    this.#peers = peers
    this.#options = options
  }

  skip(rows: number): void {
    this.#toSkip += rows
  }

  async load(): Promise<void> {
    const { file, metadata, name, rowStart, rowEnd } = this.#place
    const chunks: ArrayLike<unknown>[] = []
    await this.#peers.hyparquet.parquetRead({
      file,
      metadata,
      columns: [name],
      rowStart: rowStart + this.#toSkip,
      rowEnd,
      compressors: this.#peers.compressors,
      parsers: this.#options.dates === "Date" ? DATE_PARSERS : MS_PARSERS,
      utf8: this.#options.binaryAsString,
      rowFormat: "object",
      onComplete: (rows) => {
        chunks.push(rows.map((row) => row[name]))
      },
    })
    this.#values = chunks.flatMap((chunk) => Array.from(chunk))
    const missing = rowEnd - rowStart - this.#toSkip - this.#values.length
    if (missing !== 0) throw new Error(`column ${name} has ${this.#values.length} rows, ${missing} too few`)
    this.ready = this.#values.length
  }

  read(out: unknown[], start: number, count: number): void {
    for (let row = 0; row < count; row++) out[start + row] = narrowDeep(this.#values[this.#next + row])
    this.#next += count
    this.ready -= count
  }
}
