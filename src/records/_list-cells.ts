import type { Column } from "./_column.ts"
import type { CellKind } from "./_column-kinds.ts"
import { Kind, type Shape } from "./_shape.ts"
import type { ByteCursor } from "./byte-cursor.ts"
import { newCells } from "./cells.ts"

/** Arrays without holes: `u32 width of lengths | lengths | column of all items`. */
export class ListCells implements CellKind {
  readonly #items: Column
  readonly #lengths: number[] = []
  readonly #cells = newCells<unknown>()
  #longest = 0

  constructor(items: Column) {
    this.#items = items
  }

  get count(): number {
    return this.#lengths.length
  }

  gather(cells: readonly unknown[], from: number, to: number): number {
    let row = from
    for (; row < to; row++) {
      const list = cells[row]
      if (!Array.isArray(list) || Object.getPrototypeOf(list) !== Array.prototype || !this.#addItems(list)) break
      this.#lengths.push(list.length)
      if (list.length > this.#longest) this.#longest = list.length
    }
    return row
  }

  /** @returns false, and adds nothing, when there is a hole */
  #addItems(list: readonly unknown[]): boolean {
    const items = this.#cells
    const before = items.length
    for (let index = 0; index < list.length; index++) {
      const item = list[index]
      if (item === undefined && !(index in list)) {
        items.length = before
        return false
      }
      items.push(item)
    }
    return true
  }

  get isKept(): boolean {
    return this.count === 0
  }

  settle(): void {
    this.#items.gather(this.#cells, this.#cells.length)
    this.#items.settle()
  }

  get shape(): Shape {
    return [Kind.LIST, this.#items.shape]
  }

  get bound(): number {
    return 12 + 4 * this.count + this.#items.bound
  }

  write(sink: ByteCursor): void {
    const shift = this.#longest < 0x100 ? 0 : this.#longest < 0x10000 ? 1 : 2
    sink.put32(shift)
    const at = sink.take(this.count, shift)
    const view = shift === 0 ? sink.u8 : shift === 1 ? sink.u16 : sink.u32
    for (let row = 0; row < this.count; row++) view[at + row] = this.#lengths[row]!
    this.#items.write(sink)
  }

  clear(): void {
    this.#lengths.length = 0
    this.#cells.length = 0
    this.#longest = 0
    this.#items.clear()
  }
}
