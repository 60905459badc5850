/**
 * Reads Parquet's hybrid of run lengths and bit-packed integers, some values at a time: a page of 270,000 dictionary
 * indexes costs what is asked of it, when it is asked. Pure.
 *
 * Source: Apache Parquet format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)".
 */
export class HybridReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #width: number
  readonly #mask: number
  #at: number
  #end: number
  /** Values left in the current run. */
  #left = 0
  #packed = false
  #runValue = 0
  /** Bits of the current packed run, counted from `#packedAt`, that were read. */
  #bit = 0
  #packedAt = 0

  /** @param width bits per value, 0 to 32; 0 means every value is 0 and there are no bytes */
  constructor(bytes: Uint8Array, start: number, end: number, width: number) {
    if (width > 32) throw new Error(`a bit width of ${width} is impossible`)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = start
    this.#end = end
    this.#width = width
    this.#mask = width === 32 ? 0xffffffff : 2 ** width - 1
    if (end > bytes.length) throw new Error(`a page ends ${end - bytes.length} bytes too early`)
  }

  /** Writes the next `count` values to `out` from index 0. The caller knows how many there are. */
  read(out: Uint32Array, count: number): void {
    let filled = 0
    if (this.#width === 0) {
      out.fill(0, 0, count)
      return
    }
    while (filled < count) {
      if (this.#left === 0) this.#nextRun()
      const take = Math.min(this.#left, count - filled)
      if (this.#packed) this.#unpack(out, filled, take)
      else out.fill(this.#runValue, filled, filled + take)
      filled += take
      this.#left -= take
    }
  }

  /** Takes the next `count` values when they lie in one run of `value`, else takes nothing and answers false. */
  takeRun(value: number, count: number): boolean {
    if (this.#left === 0) this.#nextRun()
    if (this.#packed || this.#runValue !== value || this.#left < count) return false
    this.#left -= count
    return true
  }

  #nextRun(): void {
    while (this.#left === 0) {
      const header = this.#varint()
      this.#packed = (header & 1) === 1
      if (this.#packed) {
        const groups = header >>> 1
        this.#left = groups * 8
        this.#packedAt = this.#at
        this.#bit = 0
        this.#at += groups * this.#width
        // Writers may leave out the padding of the last group, so only a start behind the end is an error.
        if (this.#packedAt >= this.#end && this.#left > 0) throw new Error("a page ends within a bit-packed run")
      } else {
        this.#left = header >>> 1
        this.#runValue = 0
        const size = (this.#width + 7) >> 3
        if (this.#at + size > this.#end) throw new Error("a page ends within a run")
        for (let index = 0; index < size; index++) {
          this.#runValue += this.#bytes[this.#at++]! * 2 ** (index * 8)
        }
      }
    }
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) throw new Error("a page ends where a run should begin")
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Error("a run's header is too long")
  }

  #unpack(out: Uint32Array, start: number, count: number): void {
    const width = this.#width
    const mask = this.#mask
    const view = this.#view
    const base = this.#packedAt
    let bit = this.#bit
    // One unaligned load of 32 bits holds a value of up to 25 bits at any of the 8 places within a byte; the last bytes
    // of the page, and wider values, are put together byte by byte.
    const lastLoad = width <= 25 ? view.byteLength - 4 : -1
    for (let index = start; index < start + count; index++) {
      const at = base + (bit >>> 3)
      out[index] = at <= lastLoad ? (view.getUint32(at, true) >>> (bit & 7)) & mask : this.#slow(at, bit & 7)
      bit += width
    }
    this.#bit = bit
  }

  #slow(at: number, shift: number): number {
    let value = 0
    for (let index = 0; index * 8 < shift + this.#width; index++) {
      value += (this.#bytes[at + index] ?? 0) * 2 ** (index * 8)
    }
    return Math.floor(value / 2 ** shift) % (this.#mask + 1)
  }
}
