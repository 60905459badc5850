import { inspect, isWellFormed, Plainness } from "./plainness.ts"

/**
 * Batches of flat records of one shape, turned by 90 degrees: `[keys, column, column, ...]`, a column being one of
 * - a typed array: numbers, the narrowest kind that holds them (Float64Array keeps -0, NaN and infinities);
 * - `[words, Uint8Array]`: strings of which few are different, as positions in `words`;
 * - `[cells]`: everything else, as it is.
 *
 * Worth it where a msgpack value each is what costs: see MIN_COLUMN_RECORDS.
 */
type Column = Int8Array | Int16Array | Int32Array | Float64Array | [string[], Uint8Array] | [unknown[]]

/** Below, the fixed cost per column is more than what it saves: rows encode 5.4 M records/s at 32 per batch, columns 3.3. */
export const MIN_COLUMN_RECORDS = 64
/** Compiled readers have this many fields at most. */
const MAX_FIELDS = 64
const MAX_WORDS = 256
/** So many strings are looked at before a column is given up for having too few repetitions. */
const WORDS_TRIAL = 32

/** Reused by all calls on this thread; emptied after each, so that no record is kept alive. */
const scratch: unknown[][] = []

/** @returns undefined when these records do not make columns: different shapes, no plain objects, or Plainness above PLAIN */
export function toColumns(records: readonly unknown[]): unknown[] | undefined {
  const first = records[0]
  if (typeof first !== "object" || first === null || Object.getPrototypeOf(first) !== Object.prototype) return undefined
  const keys = Object.keys(first)
  if (keys.length === 0 || keys.length > MAX_FIELDS || !areSafeKeys(keys)) return undefined
  const columns = transpose(records, keys) ? columnsOf(keys, records.length) : undefined
  for (let index = 0; index < keys.length; index++) if (scratch[index] !== undefined) scratch[index]!.length = 0
  return columns
}

/** Fills `scratch`. @returns false when a record differs in shape */
function transpose(records: readonly unknown[], keys: readonly string[]): boolean {
  while (scratch.length < keys.length) scratch.push([])
  const plain = Object.prototype
  for (let row = 0; row < records.length; row++) {
    const record = records[row]
    if (typeof record !== "object" || record === null || Object.getPrototypeOf(record) !== plain) return false
    let index = 0
    for (const key in record) {
      if (key !== keys[index]) return false
      scratch[index]![row] = (record as Record<string, unknown>)[key]
      index++
    }
    if (index !== keys.length) return false
  }
  return true
}

function columnsOf(keys: readonly string[], count: number): unknown[] | undefined {
  const columns: unknown[] = [keys]
  for (let index = 0; index < keys.length; index++) {
    const cells = scratch[index]!
    const column = numberColumn(cells, count) ?? wordColumn(cells, count) ?? cellColumn(cells, count)
    if (column === undefined) return undefined
    columns.push(column)
  }
  return columns
}

function numberColumn(cells: readonly unknown[], count: number): Column | undefined {
  let integers = true
  let min = 0
  let max = 0
  for (let row = 0; row < count; row++) {
    const cell = cells[row]
    if (typeof cell !== "number") return undefined
    if ((cell | 0) !== cell || (cell === 0 && 1 / cell < 0)) integers = false
    else if (cell < min) min = cell
    else if (cell > max) max = cell
  }
  const column = !integers
    ? new Float64Array(count)
    : min >= -0x80 && max < 0x80
      ? new Int8Array(count)
      : min >= -0x8000 && max < 0x8000
        ? new Int16Array(count)
        : new Int32Array(count)
  for (let row = 0; row < count; row++) column[row] = cells[row] as number
  return column
}

function wordColumn(cells: readonly unknown[], count: number): Column | undefined {
  if (typeof cells[0] !== "string") return undefined
  const positions = new Map<string, number>()
  const words: string[] = []
  const column = new Uint8Array(count)
  for (let row = 0; row < count; row++) {
    const cell = cells[row]
    if (typeof cell !== "string") return undefined
    let position = positions.get(cell)
    if (position === undefined) {
      position = words.length
      if (position === MAX_WORDS || (row >= WORDS_TRIAL && position * 2 > row) || !isWellFormed(cell)) return undefined
      positions.set(cell, position)
      words.push(cell)
    }
    column[row] = position
  }
  return [words, column]
}

function cellColumn(cells: readonly unknown[], count: number): Column | undefined {
  const column = new Array<unknown>(count)
  for (let row = 0; row < count; row++) {
    const cell = cells[row]
    if (inspect(cell) !== Plainness.PLAIN) return undefined
    column[row] = cell
  }
  return [column]
}

function areSafeKeys(keys: readonly string[]): boolean {
  for (const key of keys) if (key === "__proto__" || !isWellFormed(key)) return false
  return true
}

type RowReader = (columns: readonly ArrayLike<unknown>[], count: number) => unknown[]

/** One compiled reader per list of keys seen on this thread; bounded, since shapes come from data. */
const readers = new Map<string, RowReader>()
const MAX_READERS = 1024

/** The records that `toColumns` was given, as new objects with the same order of keys. */
export function fromColumns(encoded: readonly unknown[], count: number): unknown[] {
  const keys = encoded[0] as string[]
  const columns: ArrayLike<unknown>[] = []
  for (let index = 1; index < encoded.length; index++) columns.push(cellsOf(encoded[index] as Column))
  return readerFor(keys)(columns, count)
}

function cellsOf(column: Column): ArrayLike<unknown> {
  if (!Array.isArray(column)) return column
  const [cells, positions] = column
  if (positions === undefined) return cells
  const strings = new Array<unknown>(positions.length)
  for (let row = 0; row < positions.length; row++) strings[row] = cells[positions[row]!]
  return strings
}

function readerFor(keys: readonly string[]): RowReader {
  const signature = JSON.stringify(keys)
  let reader = readers.get(signature)
  if (reader === undefined) {
    if (readers.size === MAX_READERS) readers.clear()
    reader = compileReader(keys)
    readers.set(signature, reader)
  }
  return reader
}

/** An object literal per record, so that all get one hidden class. Keys go in as JSON: no text of the data becomes code. */
function compileReader(keys: readonly string[]): RowReader {
  const locals = keys.map((_, index) => `const c${index} = columns[${index}];`).join("")
  const fields = keys.map((key, index) => `${JSON.stringify(key)}: c${index}[row]`).join(",")
  const body = `${locals} const records = []; for (let row = 0; row < count; row++) records.push({${fields}}); return records`
  return new Function("columns", "count", body) as RowReader
}
