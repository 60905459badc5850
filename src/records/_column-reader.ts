import { Strings } from "./_column-kinds.ts"
import { Kind, type ObjectShape, type Shape } from "./_shape.ts"
import { readText } from "./_text-column.ts"
import { type ByteCursor, damaged } from "./byte-cursor.ts"

/** Reads the column at the cursor. What it answers shares nothing with the memory. */
export type ColumnReader = (source: ByteCursor, count: number) => unknown[]

export interface ReaderOptions {
  /** Reads what `AnyCells` wrote. */
  decode(bytes: Uint8Array): unknown[]
}

/** Makes, and where it pays compiles, the reader of columns of a shape. */
export function createReader(shape: Shape, options: ReaderOptions): ColumnReader {
  if (typeof shape === "number") return cellReader(shape, options)
  switch (shape[0]) {
    case Kind.OBJECT:
      return objectReader(shape, options)
    case Kind.LIST:
      return listReader(createReader(shape[1], options))
    default:
      return unionReader(shape[1].map((member) => createReader(member, options)))
  }
}

function cellReader(kind: Kind, options: ReaderOptions): ColumnReader {
  switch (kind) {
    case Kind.BOOLEAN:
      return (source, count) => readBytes(source, count, false, true)
    case Kind.STRING:
      return readStrings
    case Kind.NULL:
      return (source, count) => readBytes(source, count, null, null)
    case Kind.UNDEFINED:
      return (source, count) => readBytes(source, count, undefined, undefined)
    case Kind.DATE:
      return (source, count) => readNumbers(source, count, "f64", 3).map((time) => new Date(time))
    case Kind.CELLS:
      return (source, count) => {
        const bytes = source.u32[source.take(1, 2)]!
        const at = source.take(bytes, 0)
        const cells = options.decode(source.u8.subarray(at, at + bytes))
        if (cells.length !== count) throw damaged(`${cells.length} cells stand for ${count}`)
        return cells
      }
    default: {
      const { view, shift } = NUMBER_VIEWS[kind]!
      return (source, count) => readNumbers(source, count, view, shift)
    }
  }
}

type NumberView = "i8" | "i16" | "i32" | "f64"
const NUMBER_VIEWS: Readonly<Record<number, { readonly view: NumberView; readonly shift: number }>> = {
  [Kind.INT8]: { view: "i8", shift: 0 },
  [Kind.INT16]: { view: "i16", shift: 1 },
  [Kind.INT32]: { view: "i32", shift: 2 },
  [Kind.FLOAT64]: { view: "f64", shift: 3 },
}

// Arrays grow by push all over: a preset length would make them slow for good.

function readNumbers(source: ByteCursor, count: number, view: NumberView, shift: number): number[] {
  const at = source.take(count, shift)
  const from = source[view]
  const cells: number[] = []
  for (let row = 0; row < count; row++) cells.push(from[at + row]!)
  return cells
}

function readBytes(source: ByteCursor, count: number, zero: unknown, one: unknown): unknown[] {
  const at = source.take(count, 0)
  const cells: unknown[] = []
  for (let row = 0; row < count; row++) cells.push(source.u8[at + row] === 0 ? zero : one)
  return cells
}

function readStrings(source: ByteCursor, count: number): string[] {
  const layout = source.take32()
  if (layout === Strings.EACH) return readText(source, count)
  if (layout > Strings.WORDS16) throw damaged(`strings have the layout ${layout}`)
  const wordCount = source.take32()
  const short = layout === Strings.WORDS8
  const at = source.take(count, short ? 0 : 1)
  const positions = short ? source.u8 : source.u16
  const words = readText(source, wordCount)
  const cells: string[] = []
  for (let row = 0; row < count; row++) {
    const word = words[positions[at + row]!]
    if (word === undefined) throw damaged(`word ${positions[at + row]} of ${wordCount}`)
    cells.push(word)
  }
  return cells
}

function listReader(readItems: ColumnReader): ColumnReader {
  return (source, count) => {
    const shift = source.take32()
    if (shift > 2) throw damaged(`lists have lengths ${shift}`)
    const at = source.take(count, shift)
    const lengths = shift === 0 ? source.u8 : shift === 1 ? source.u16 : source.u32
    let total = 0
    for (let row = 0; row < count; row++) total += lengths[at + row]!
    const items = readItems(source, total)
    const lists: unknown[] = []
    let from = 0
    for (let row = 0; row < count; row++) {
      const to = from + lengths[at + row]!
      lists.push(items.slice(from, to))
      from = to
    }
    return lists
  }
}

function unionReader(members: readonly ColumnReader[]): ColumnReader {
  return (source, count) => {
    const at = source.take(count, 0)
    const tags = source.u8
    const counts = members.map(() => 0)
    for (let row = 0; row < count; row++) {
      const tag = tags[at + row]!
      if (tag >= members.length) throw damaged(`a cell is of kind ${tag} of ${members.length}`)
      counts[tag]! += 1
    }
    const columns = members.map((read, tag) => read(source, counts[tag]!))
    const taken = counts.fill(0)
    const cells: unknown[] = []
    for (let row = 0; row < count; row++) {
      const tag = tags[at + row]!
      cells.push(columns[tag]![taken[tag]!++])
    }
    return cells
  }
}

/**
 * An object literal per row, so that all records get one hidden class. Numbers are read in place, other columns first into
 * an array. Keys go in as JSON: no text of the data becomes code.
 */
function objectReader([, keys, fields]: ObjectShape, options: ReaderOptions): ColumnReader {
  const readers = fields.map((field) => createReader(field, options))
  const views = fields.map((field) => (typeof field === "number" ? NUMBER_VIEWS[field] : undefined))
  const lines = (line: (field: number) => string) => keys.map((_, field) => line(field)).join("\n")
  const body = `
    ${lines((field) => (views[field] === undefined ? `const read${field} = readers[${field}]` : ""))}
    return (source, count) => {
      ${lines((field) => {
        const view = views[field]
        if (view === undefined) return `const cells${field} = read${field}(source, count)`
        return `const at${field} = source.take(count, ${view.shift}), cells${field} = source.${view.view}`
      })}
      const records = []
      for (let row = 0; row < count; row++) records.push({
        ${lines((field) => `${JSON.stringify(keys[field])}: cells${field}[${views[field] === undefined ? "row" : `at${field} + row`}],`)}
      })
      return records
    }`
  return (new Function("readers", body) as (readers: readonly ColumnReader[]) => ColumnReader)(readers)
}
