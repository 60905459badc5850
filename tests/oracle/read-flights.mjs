// Reads the flights of the main job with hyparquet alone. No millrace code: what is compared must not share its mistakes.
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from "hyparquet"
import { compressors } from "hyparquet-compressors"

export const FLIGHTS_FILE = new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url)

/**
 * Calls `take` for each row group in file order, with its columns as arrays of equal length.
 *
 * @param {(columns: { date: number[], delay: number[], distance: number[], origin: string[], destination: string[] }) => void} take
 * dates are epoch ms (the file's timestamps have no time zone and are taken as UTC)
 * @param {{ rows?: number, columns?: string[] }} [options] only the first `rows` of the file; only these columns
 */
export async function readFlights(take, { rows = Number.POSITIVE_INFINITY, columns: names } = {}) {
  const file = await asyncBufferFromFile(FLIGHTS_FILE)
  const metadata = await parquetMetadataAsync(file)
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const groupEnd = rowStart + Number(group.num_rows)
    const rowEnd = Math.min(groupEnd, rows)
    if (rowStart >= rowEnd) return
    /** @type {Record<string, unknown[]>} */
    const columns = {}
    await parquetRead({
      file,
      metadata,
      compressors,
      rowStart,
      rowEnd,
      columns: names,
      parsers: { timestampFromMicroseconds: (micros) => Number(micros / 1000n) },
      onChunk: ({ columnName, columnData }) => {
        const values = Array.from(columnData, (value) => (typeof value === "bigint" ? Number(value) : value))
        // hyparquet decodes whole pages: what lies behind the last wanted row is cut off.
        columns[columnName] = (columns[columnName] ?? []).concat(values).slice(0, rowEnd - rowStart)
      },
    })
    for (const [name, values] of Object.entries(columns)) {
      if (values.length !== rowEnd - rowStart)
        throw new Error(`column ${name} has ${values.length} rows in a group of ${rowEnd - rowStart}`)
    }
    take(columns)
    rowStart = groupEnd
  }
}

/** Where the event times of the file stand: facts that the main job's settings rest on. */
export async function flightFacts() {
  let rows = 0
  let nulls = 0
  let outOfOrder = 0
  let maxLatenessMs = 0
  let newest = Number.NEGATIVE_INFINITY
  let oldest = Number.POSITIVE_INFINITY
  const airports = new Set()
  await readFlights((columns) => {
    for (const values of Object.values(columns)) {
      for (const value of values) if (value === null || value === undefined) nulls++
    }
    for (const airport of columns.origin) airports.add(airport)
    for (const date of columns.date) {
      rows++
      if (date < newest) {
        outOfOrder++
        maxLatenessMs = Math.max(maxLatenessMs, newest - date)
      }
      newest = Math.max(newest, date)
      oldest = Math.min(oldest, date)
    }
  })
  const [first, last] = [oldest, newest].map((ms) => new Date(ms).toISOString())
  return { rows, nulls, outOfOrder, maxLatenessMs, airports: airports.size, first, last }
}
