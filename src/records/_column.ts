import {
  type AnyCells,
  ByteCells,
  type CellKind,
  DateCells,
  NumberCells,
  OtherCells,
  type ShapeWatch,
  StringCells,
} from "./_column-kinds.ts"
import { ListCells } from "./_list-cells.ts"
import { ObjectCells } from "./_object-cells.ts"
import { areKeys, Kind, MAX_MEMBERS, MAX_SHAPE_DEPTH, type Shape } from "./_shape.ts"
import { MAX_TEXT_CELL_UNITS } from "./_text-column.ts"
import type { ByteCursor } from "./byte-cursor.ts"

/** Shapes of objects in one column. Beyond, they are taken for objects whose keys are data. */
const MAX_OBJECT_SHAPES = 8
/** A kind that so many batches have not met any more is forgotten, and the column written without it again. */
const FORGOTTEN_AFTER = 64

export interface ColumnOptions {
  /** For what no kind takes. */
  readonly any: AnyCells
  readonly watch: ShapeWatch
  readonly depth: number
}

/**
 * A column of cells that have, batch for batch, the same few kinds: learns them, and writes each kind in its own way.
 *
 * `gather`, once or more, `settle`, `write`, `clear`: in this order for each batch. Nothing is kept of a batch but its kinds.
 */
export class Column {
  readonly #options: ColumnOptions
  readonly #members: CellKind[] = []
  /** Batches since a member was last met. */
  readonly #unmet: number[] = []
  /** By row, where there are several members. */
  #tags = new Uint8Array(64)
  #count = 0
  #objectShapes = 0
  #other = -1
  #wild = false

  constructor(options: ColumnOptions) {
    this.#options = options
  }

  /**
   * For a column without cells as yet, whose first is going to be this one: while all are of its kind they may be put there
   * without `gather`. @returns undefined for kinds that want `gather`
   */
  beginDirect(first: unknown): NumberCells | StringCells | undefined {
    const kind = this.#kindFor(first)
    if (!(kind instanceof NumberCells || kind instanceof StringCells)) return undefined
    this.#add(kind)
    return kind
  }

  /** Gathers the first `count` cells behind those gathered so far. @throws nothing: what cannot be written shows in `settle` */
  gather(cells: readonly unknown[], count: number): void {
    const base = this.#count
    this.#count = base + count
    const members = this.#members
    let row = members.length === 1 && this.#other !== 0 ? members[0]!.gather(cells, 0, count) : 0
    if (row === count) return
    const tags = this.#tagsFor(base + count)
    // While there was one member nobody noted whose they were.
    if (members.length === 1) tags.fill(0, 0, base + row)
    let tag = 0
    while (row < count) {
      let next = this.#gatherWith(tag, cells, row, count)
      for (let each = 0; each < members.length && next === row; each++) {
        tag = each
        next = this.#gatherWith(tag, cells, row, count)
      }
      if (next === row) {
        tag = this.#admit(cells[row])
        next = this.#gatherWith(tag, cells, row, count)
      }
      if (next === row) {
        tag = this.#otherTag()
        next = members[tag]!.gather(cells, row, row + 1)
      }
      tags.fill(tag, base + row, base + next)
      row = next
    }
  }

  #tagsFor(count: number): Uint8Array {
    if (this.#tags.length < count) {
      const longer = new Uint8Array(2 * count)
      longer.set(this.#tags)
      this.#tags = longer
    }
    return this.#tags
  }

  /** Whether all that was gathered is kept as it was then, whatever becomes of the cells. */
  get isKept(): boolean {
    for (const member of this.#members) if (!member.isKept) return false
    return true
  }

  /** What takes everything is asked last. */
  #gatherWith(tag: number, cells: readonly unknown[], from: number, to: number): number {
    return tag === this.#other || tag >= this.#members.length ? from : this.#members[tag]!.gather(cells, from, to)
  }

  /** The tag for cells like this one, which no member takes. */
  #admit(cell: unknown): number {
    const kind = this.#members.length < MAX_MEMBERS - 1 ? this.#kindFor(cell) : undefined
    return kind === undefined ? this.#otherTag() : this.#add(kind)
  }

  #otherTag(): number {
    if (this.#other === -1) this.#other = this.#add(new OtherCells(this.#options.any))
    return this.#other
  }

  #add(kind: CellKind): number {
    this.#options.watch.changed = true
    this.#unmet.push(0)
    return this.#members.push(kind) - 1
  }

  #kindFor(cell: unknown): CellKind | undefined {
    switch (typeof cell) {
      case "number":
        return new NumberCells(this.#options.watch)
      case "string":
        return cell.length > MAX_TEXT_CELL_UNITS ? undefined : new StringCells()
      case "boolean":
        return new ByteCells(Kind.BOOLEAN, false, true)
      case "undefined":
        return new ByteCells(Kind.UNDEFINED, undefined, undefined)
      case "object":
        return cell === null ? new ByteCells(Kind.NULL, null, null) : this.#kindForObject(cell)
      default:
        return undefined
    }
  }

  #kindForObject(cell: object): CellKind | undefined {
    const prototype: unknown = Object.getPrototypeOf(cell)
    if (prototype === Date.prototype) return new DateCells()
    if (this.#options.depth === MAX_SHAPE_DEPTH) return undefined
    const newColumn = () => new Column({ ...this.#options, depth: this.#options.depth + 1 })
    if (prototype === Array.prototype) return new ListCells(newColumn())
    if (prototype !== Object.prototype || this.#objectShapes === MAX_OBJECT_SHAPES) return undefined
    const keys = Object.keys(cell)
    if (!areKeys(keys)) return undefined
    this.#objectShapes += 1
    return new ObjectCells(keys, cell as Record<string, unknown>, newColumn)
  }

  /** @throws {EngineError} RECORD_NOT_SERIALIZABLE */
  settle(): void {
    for (const member of this.#members) member.settle()
  }

  get shape(): Shape {
    const members = this.#members
    // A column that has never had a cell.
    if (members.length === 0) return Kind.NULL
    return members.length === 1 ? members[0]!.shape : [Kind.UNION, members.map((member) => member.shape)]
  }

  get bound(): number {
    let bound = this.#count
    for (const member of this.#members) bound += member.bound
    return bound
  }

  write(sink: ByteCursor): void {
    const members = this.#members
    if (members.length > 1) {
      const at = sink.take(this.#count, 0)
      for (let row = 0; row < this.#count; row++) sink.u8[at + row] = this.#tags[row]!
    }
    for (const member of members) member.write(sink)
  }

  clear(): void {
    const members = this.#members
    if (members.length === 1) {
      this.#count = 0
      members[0]!.clear()
      return
    }
    for (let tag = 0; tag < members.length; tag++) {
      this.#unmet[tag] = members[tag]!.count > 0 ? 0 : this.#unmet[tag]! + 1
    }
    const wild = !this.#wild && this.#isWild()
    this.#wild ||= wild
    this.#count = 0
    for (const member of members) member.clear()
    if (wild) this.#keepOnly((tag) => tag === this.#other)
    else this.#keepOnly((tag) => this.#unmet[tag]! < FORGOTTEN_AFTER)
  }

  /** Whether most cells are objects whose keys are data, such as counts by name: no shape of theirs comes again. */
  #isWild(): boolean {
    if (this.#objectShapes < MAX_OBJECT_SHAPES || this.#other === -1 || this.#members.length === 1) return false
    return 2 * this.#members[this.#other]!.count > this.#count
  }

  #keepOnly(keeps: (tag: number) => boolean): void {
    let leaving = 0
    for (let tag = 0; tag < this.#members.length; tag++) if (!keeps(tag)) leaving += 1
    // One is kept at least, so that a column is never without a kind again.
    if (leaving === 0 || leaving === this.#members.length) return
    const kept = this.#members.map((_, tag) => tag).filter(keeps)
    const other = kept.indexOf(this.#other)
    const members = kept.map((tag) => this.#members[tag]!)
    this.#members.splice(0, this.#members.length, ...members)
    this.#unmet.splice(0, this.#unmet.length, ...kept.map((tag) => this.#unmet[tag]!))
    this.#other = other
    this.#options.watch.changed = true
    if (!this.#wild) this.#objectShapes = members.filter((member) => member instanceof ObjectCells).length
  }
}
