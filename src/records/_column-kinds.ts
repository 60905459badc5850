import { Kind, type Shape } from "./_shape.ts"
import { MAX_TEXT_CELL_UNITS, textBound, writeText } from "./_text-column.ts"
import type { ByteCursor } from "./byte-cursor.ts"

/** The cells of one kind in a column, on their way into bytes: gathered first, written when all are there. */
export interface CellKind {
  /** Gathered since `clear`. */
  readonly count: number
  /** Gathers from `from` on as long as they are of this kind. @returns the first row that is not, or `to` */
  gather(cells: readonly unknown[], from: number, to: number): number
  /** Whether what was gathered is kept as it was then, whatever becomes of the cells. */
  readonly isKept: boolean
  /** All are gathered: decides how to write them. */
  settle(): void
  /** How they are written. Settles down: kinds grow, as they are met, and hardly ever shrink. */
  readonly shape: Shape
  /** Bytes that `write` writes at most. */
  readonly bound: number
  write(sink: ByteCursor): void
  /** Forgets what was gathered. */
  clear(): void
}

/** Told when the shape of a column has changed. */
export interface ShapeWatch {
  changed: boolean
}

export class NumberCells implements CellKind {
  readonly isKept = true
  readonly #watch: ShapeWatch
  count = 0
  /** Those gathered. Whoever gathers into it directly makes room first. */
  numbers = new Float64Array(64)
  #kind: Kind = Kind.INT8

  constructor(watch: ShapeWatch) {
    this.#watch = watch
  }

  takes(cell: unknown): boolean {
    return typeof cell === "number"
  }

  makeRoom(count: number): Float64Array {
    if (count > this.numbers.length) {
      const longer = new Float64Array(Math.max(2 * this.numbers.length, count))
      longer.set(this.numbers)
      this.numbers = longer
    }
    return this.numbers
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    const numbers = this.makeRoom(this.count + to - from)
    let at = this.count
    let row = from
    for (; row < to; row++) {
      const cell = cells[row]
      if (typeof cell !== "number") break
      numbers[at++] = cell
    }
    this.count = at
    return row
  }

  settle(): void {
    if (this.#kind === Kind.FLOAT64) return
    const kind = narrowest(this.numbers, this.count)
    if (kind <= this.#kind) return
    this.#kind = kind
    this.#watch.changed = true
  }

  get shape(): Shape {
    return this.#kind
  }

  get bound(): number {
    return 7 + 8 * this.count
  }

  write(sink: ByteCursor): void {
    const { numbers, count } = this
    const shift = this.#kind - Kind.INT8
    const at = sink.take(count, shift)
    switch (this.#kind) {
      case Kind.INT8:
        for (let row = 0; row < count; row++) sink.i8[at + row] = numbers[row]!
        return
      case Kind.INT16:
        for (let row = 0; row < count; row++) sink.i16[at + row] = numbers[row]!
        return
      case Kind.INT32:
        for (let row = 0; row < count; row++) sink.i32[at + row] = numbers[row]!
        return
      default:
        for (let row = 0; row < count; row++) sink.f64[at + row] = numbers[row]!
    }
  }

  clear(): void {
    this.count = 0
  }
}

/** The narrowest kind that holds all of them exactly. */
function narrowest(numbers: Float64Array, count: number): Kind {
  let min = 0
  let max = 0
  for (let row = 0; row < count; row++) {
    const number = numbers[row]!
    if ((number | 0) !== number || (number === 0 && 1 / number < 0)) return Kind.FLOAT64
    if (number < min) min = number
    else if (number > max) max = number
  }
  if (min >= -0x80 && max < 0x80) return Kind.INT8
  return min >= -0x8000 && max < 0x8000 ? Kind.INT16 : Kind.INT32
}

/** How a column of strings goes on behind its first u32. Part of the wire format. */
export const Strings = {
  /** A text of all. */
  EACH: 0,
  /** u32: how many words there are; a u8 per cell: its word; a text of the words. */
  WORDS8: 1,
  /** The same with a u16 per cell. */
  WORDS16: 2,
} as const

/** Fewer strings are not searched for repetitions. */
const MIN_WORDS_STRINGS = 8
/** Batches that pass after a search in vain before the next; doubles each time. */
const FIRST_REST = 8
const MAX_REST = 512
const MAX_WORDS = 0x10000

export class StringCells implements CellKind {
  readonly isKept = true
  readonly shape = Kind.STRING
  count = 0
  /** Those gathered: `count` of them count. Whoever gathers into it directly sets that before `settle`. */
  readonly strings: string[] = []
  #units = 0
  readonly #positions = new Map<string, number>()
  #words: string[] = []
  #wordUnits = 0
  /** By row, where words are worth it. */
  #positionOf = new Uint16Array(64)
  #hasWords = false
  #rest = FIRST_REST
  #restLeft = 0

  takes(cell: unknown): boolean {
    return typeof cell === "string" && cell.length <= MAX_TEXT_CELL_UNITS
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    const { strings } = this
    let at = this.count
    let row = from
    for (; row < to; row++) {
      const cell = cells[row]
      if (typeof cell !== "string" || cell.length > MAX_TEXT_CELL_UNITS) break
      strings[at++] = cell
    }
    this.count = at
    return row
  }

  settle(): void {
    this.#units = unitsOf(this.strings, this.count)
    this.#hasWords = false
    if (this.count < MIN_WORDS_STRINGS) return
    if (this.#restLeft > 0) {
      this.#restLeft -= 1
      return
    }
    this.#hasWords = this.#findWords()
    if (this.#hasWords) {
      this.#rest = FIRST_REST
      return
    }
    this.#restLeft = this.#rest
    this.#rest = Math.min(MAX_REST, 2 * this.#rest)
  }

  /** @returns false when less than half of the strings are repetitions */
  #findWords(): boolean {
    const { strings, count } = this
    if (this.#positionOf.length < count) this.#positionOf = new Uint16Array(2 * count)
    const positions = this.#positions
    const positionOf = this.#positionOf
    const words = this.#words
    this.#wordUnits = 0
    for (let row = 0; row < count; row++) {
      const string = strings[row]!
      let position = positions.get(string)
      if (position === undefined) {
        position = words.length
        if (position === MAX_WORDS || 2 * (position + 1) > count) return false
        positions.set(string, position)
        words.push(string)
        this.#wordUnits += string.length
      }
      positionOf[row] = position
    }
    return true
  }

  get bound(): number {
    const count = this.count
    return (
      8 +
      (this.#hasWords ? 8 + 2 * count + textBound(this.#words.length, this.#wordUnits) : textBound(count, this.#units))
    )
  }

  write(sink: ByteCursor): void {
    const count = this.count
    if (!this.#hasWords) {
      sink.put32(Strings.EACH)
      writeText(sink, this.strings, count, this.#units)
      return
    }
    const words = this.#words
    const short = words.length <= 0x100
    sink.put32(short ? Strings.WORDS8 : Strings.WORDS16)
    sink.put32(words.length)
    const at = sink.take(count, short ? 0 : 1)
    const view = short ? sink.u8 : sink.u16
    for (let row = 0; row < count; row++) view[at + row] = this.#positionOf[row]!
    writeText(sink, words, words.length, this.#wordUnits)
  }

  clear(): void {
    this.strings.fill("", 0, this.count)
    this.count = 0
    if (this.#words.length === 0) return
    this.#words.length = 0
    this.#positions.clear()
  }
}

function unitsOf(strings: readonly string[], count: number): number {
  let units = 0
  for (let row = 0; row < count; row++) units += strings[row]!.length
  return units
}

/** Cells that are a byte each: the same value in all rows, or one of two. */
export class ByteCells implements CellKind {
  readonly isKept = true
  readonly shape: Kind
  readonly #zero: unknown
  readonly #one: unknown
  count = 0
  #bytes = new Uint8Array(64)

  /** @param zero the cell that is written as 0; `one` the other, or the same again */
  constructor(kind: Kind, zero: unknown, one: unknown) {
    this.shape = kind
    this.#zero = zero
    this.#one = one
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    if (this.count + to - from > this.#bytes.length) {
      const longer = new Uint8Array(Math.max(2 * this.#bytes.length, this.count + to - from))
      longer.set(this.#bytes)
      this.#bytes = longer
    }
    let row = from
    for (; row < to; row++) {
      const cell = cells[row]
      if (cell === this.#zero) this.#bytes[this.count++] = 0
      else if (cell === this.#one) this.#bytes[this.count++] = 1
      else break
    }
    return row
  }

  settle(): void {
    // Always a byte each.
  }

  get bound(): number {
    return this.count
  }

  write(sink: ByteCursor): void {
    const at = sink.take(this.count, 0)
    for (let row = 0; row < this.count; row++) sink.u8[at + row] = this.#bytes[row]!
  }

  clear(): void {
    this.count = 0
  }
}

export class DateCells implements CellKind {
  readonly isKept = true
  readonly shape = Kind.DATE
  readonly #times: number[] = []

  get count(): number {
    return this.#times.length
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    let row = from
    for (; row < to; row++) {
      const cell = cells[row]
      if (!(cell instanceof Date) || Object.getPrototypeOf(cell) !== Date.prototype) break
      this.#times.push(cell.getTime())
    }
    return row
  }

  settle(): void {
    // Always a float64 each.
  }

  get bound(): number {
    return 7 + 8 * this.count
  }

  write(sink: ByteCursor): void {
    const at = sink.take(this.count, 3)
    for (let row = 0; row < this.count; row++) sink.f64[at + row] = this.#times[row]!
  }

  clear(): void {
    this.#times.length = 0
  }
}

/** Writes cells of any kind. */
export interface AnyCells {
  /** @returns bytes that may be overwritten by the next call @throws {EngineError} RECORD_NOT_SERIALIZABLE */
  encode(cells: readonly unknown[]): Uint8Array
}

/** What no other kind takes. Last in its column: takes whatever it is given. */
export class OtherCells implements CellKind {
  readonly shape = Kind.CELLS
  readonly #any: AnyCells
  #cells: unknown[] = []
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(any: AnyCells) {
    this.#any = any
  }

  get count(): number {
    return this.#cells.length
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    for (let row = from; row < to; row++) this.#cells.push(cells[row])
    return to
  }

  get isKept(): boolean {
    return this.#cells.length === 0
  }

  settle(): void {
    this.#bytes = this.#any.encode(this.#cells).slice()
  }

  get bound(): number {
    return 8 + this.#bytes.length
  }

  write(sink: ByteCursor): void {
    sink.put32(this.#bytes.length)
    const at = sink.take(this.#bytes.length, 0)
    sink.u8.set(this.#bytes, at)
  }

  clear(): void {
    this.#cells.length = 0
    this.#bytes = new Uint8Array(0)
  }
}
