/** One column of a row group, read front to back in pieces. */
export interface Column {
  /** Rows that `read` can deliver now. */
  readonly ready: number
  /** Makes more rows ready: decodes the next page. A rejection's message says what is wrong with the file. */
  load(): Promise<void>
  /** Moves the next `count <= ready` rows to `out` from `start`: one value each, null for a missing one. */
  read(out: unknown[], start: number, count: number): void
  /** Leaves out the next rows; called before the first `load`. Costs no decoding for pages that are skipped as a whole. */
  skip(rows: number): void
}
