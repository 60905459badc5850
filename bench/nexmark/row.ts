/** Takes the fields of a row, one after another, in the order of the query's columns. */
export interface Row {
  number(value: number): Row
  text(value: string): Row
}

/** Adds rows up to one number that does not depend on their order: every field counts, so none can be left out. */
export class RowFold implements Row {
  #hash = 0
  #open = false
  #rows = 0
  #fold = 0

  number(value: number): Row {
    this.#mix(value | 0)
    // Times and exact decimals are wider than 32 bits.
    this.#mix((value / 0x1_0000_0000) | 0)
    return this
  }

  text(value: string): Row {
    this.#mix(value.length)
    if (value.length > 0) this.#mix((value.charCodeAt(0) << 16) | value.charCodeAt(value.length - 1))
    return this
  }

  /** The row before is complete. */
  begin(): Row {
    this.#close()
    this.#open = true
    this.#rows += 1
    return this
  }

  end(): { readonly rows: number; readonly fold: number } {
    this.#close()
    return { rows: this.#rows, fold: this.#fold }
  }

  #close(): void {
    if (this.#open) this.#fold = (this.#fold + this.#hash) | 0
    this.#open = false
    this.#hash = 0
  }

  #mix(value: number): void {
    const mixed = Math.imul(this.#hash ^ value, 0x9e37_79b1)
    this.#hash = mixed ^ (mixed >>> 15)
  }
}

/** Writes rows as lines: "a,b,c". */
export class RowText implements Row {
  #fields: (number | string)[] = []

  number(value: number): Row {
    this.#fields.push(value)
    return this
  }

  text(value: string): Row {
    this.#fields.push(value)
    return this
  }

  /** @returns the line of what was written since the last call */
  take(): string {
    const line = this.#fields.join()
    this.#fields = []
    return line
  }
}
