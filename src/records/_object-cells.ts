import type { Column } from "./_column.ts"
import { type CellKind, NumberCells, StringCells } from "./_column-kinds.ts"
import { Kind, type Shape } from "./_shape.ts"
import { MAX_TEXT_CELL_UNITS } from "./_text-column.ts"
import type { ByteCursor } from "./byte-cursor.ts"
import { newCells } from "./cells.ts"

/**
 * Plain objects with these keys in this order. A function compiled for the keys looks at each object once: whether it is of
 * the shape, and at its fields, which it lays down by column.
 *
 * A field that has held numbers alone, or strings alone, goes straight to where its kind keeps them, without a look at it later on;
 * the first cell of another kind ends that for good.
 */
export class ObjectCells implements CellKind {
  readonly #keys: readonly string[]
  readonly #columns: readonly Column[]
  /** By field, while it has numbers alone, or strings alone. */
  readonly #direct: (NumberCells | StringCells | undefined)[]
  /** By field, for the others: `count` of them count. Never shortened, since growing anew costs as much as filling. */
  readonly #cells: unknown[][]
  /** By field: where its cells go. */
  readonly #into: (Float64Array | unknown[])[]
  #gatherer: Gatherer
  count = 0

  /** @param first whose keys these are */
  constructor(keys: readonly string[], first: Readonly<Record<string, unknown>>, newColumn: () => Column) {
    this.#keys = keys
    this.#columns = keys.map(newColumn)
    this.#direct = keys.map((key, field) => this.#columns[field]!.beginDirect(first[key]))
    this.#cells = keys.map(() => newCells())
    this.#into = this.#cells.map((cells, field) => {
      const direct = this.#direct[field]
      return direct instanceof StringCells ? direct.strings : cells
    })
    this.#gatherer = gathererFor(keys, this.#direct)
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    let row = from
    while (true) {
      for (let field = 0; field < this.#keys.length; field++) {
        const direct = this.#direct[field]
        if (direct instanceof NumberCells) this.#into[field] = direct.makeRoom(this.count + to - row)
      }
      const next = this.#gatherer(cells, row, to, this.count, this.#keys, this.#into)
      this.count += next - row
      row = next
      if (row === to || !this.#endDirect(cells[row])) return row
    }
  }

  /** Whether this record stopped the gathering only because a field holds another kind of cell than so far: no longer. */
  #endDirect(record: unknown): boolean {
    if (!this.#isOfShape(record)) return false
    let ended = false
    for (const [field, key] of this.#keys.entries()) {
      const direct = this.#direct[field]
      if (direct === undefined || direct.takes((record as Record<string, unknown>)[key])) continue
      this.#direct[field] = undefined
      this.#cells[field] =
        direct instanceof NumberCells
          ? Array.from(direct.numbers.subarray(0, this.count))
          : direct.strings.slice(0, this.count)
      this.#into[field] = this.#cells[field]
      direct.count = this.count
      direct.clear()
      ended = true
    }
    if (ended) this.#gatherer = gathererFor(this.#keys, this.#direct)
    return ended
  }

  #isOfShape(record: unknown): boolean {
    if (typeof record !== "object" || record === null || Object.getPrototypeOf(record) !== Object.prototype)
      return false
    const keys = Object.keys(record)
    return keys.length === this.#keys.length && keys.every((key, field) => key === this.#keys[field])
  }

  get isKept(): boolean {
    return this.count === 0 || !this.#direct.includes(undefined)
  }

  settle(): void {
    for (let field = 0; field < this.#keys.length; field++) {
      const direct = this.#direct[field]
      if (direct === undefined) this.#columns[field]!.gather(this.#cells[field]!, this.count)
      else direct.count = this.count
      this.#columns[field]!.settle()
    }
  }

  get shape(): Shape {
    return [Kind.OBJECT, this.#keys, this.#columns.map((column) => column.shape)]
  }

  get bound(): number {
    let bound = 0
    for (const column of this.#columns) bound += column.bound
    return bound
  }

  write(sink: ByteCursor): void {
    for (const column of this.#columns) column.write(sink)
  }

  clear(): void {
    for (let field = 0; field < this.#columns.length; field++) {
      const direct = this.#direct[field]
      if (direct === undefined) this.#cells[field]!.fill(undefined, 0, this.count)
      else direct.count = this.count
      this.#columns[field]!.clear()
    }
    this.count = 0
  }
}

/** Lays records down from row `count` on. @returns the first row that is not of the shape, or `to` */
type Gatherer = (
  records: readonly unknown[],
  from: number,
  to: number,
  count: number,
  keys: readonly string[],
  into: readonly (Float64Array | unknown[])[],
) => number

/** Compiled gatherers of this thread; bounded, since shapes come from data. */
const gatherers = new Map<string, Gatherer>()
const MAX_GATHERERS = 1024

function gathererFor(keys: readonly string[], direct: readonly (NumberCells | StringCells | undefined)[]): Gatherer {
  const ways = direct.map((each) => (each instanceof NumberCells ? "n" : each instanceof StringCells ? "s" : "-"))
  const name = `${ways.join("")}${JSON.stringify(keys)}`
  let gatherer = gatherers.get(name)
  if (gatherer === undefined) {
    if (gatherers.size === MAX_GATHERERS) gatherers.clear()
    gatherer = compile(keys, ways)
    gatherers.set(name, gatherer)
  }
  return gatherer
}

/**
 * The engine knows this accessor of plain objects without a call, unlike getPrototypeOf: a quarter of all that gathering costs.
 * What has a field of that name is not of a shape; where Node runs with --disable-proto, there is no such accessor.
 */
const PROTOTYPE_OF_RECORD =
  Object.getOwnPropertyDescriptor(Object.prototype, "__proto__")?.get?.name === "get __proto__"
    ? "record.__proto__"
    : "getPrototypeOf(record)"

/** Keys go in as JSON: no text of the data becomes code. @param ways by field: n numbers alone, s strings alone, - anything */
function compile(keys: readonly string[], ways: readonly ("n" | "s" | "-")[]): Gatherer {
  const lines = (line: (field: number) => string) => keys.map((_, field) => line(field)).join("\n")
  const unfit = {
    n: (cell: string) => `if (typeof ${cell} !== "number") return row`,
    s: (cell: string) => `if (typeof ${cell} !== "string" || ${cell}.length > ${MAX_TEXT_CELL_UNITS}) return row`,
    "-": () => "",
  }
  const body = `
    const { getPrototypeOf, prototype } = Object
    ${lines((field) => `const into${field} = into[${field}]`)}
    for (let row = from; row < to; row++) {
      const record = records[row]
      if (typeof record !== "object" || record === null || ${PROTOTYPE_OF_RECORD} !== prototype) return row
      let field = 0
      for (const key in record) {
        if (key !== keys[field]) return row
        field++
      }
      if (field !== ${keys.length}) return row
      ${lines((field) => `const cell${field} = record[${JSON.stringify(keys[field])}]`)}
      ${lines((field) => unfit[ways[field]!](`cell${field}`))}
      ${lines((field) => `into${field}[count] = cell${field}`)}
      count++
    }
    return to`
  return new Function("records", "from", "to", "count", "keys", "into", body) as Gatherer
}
