import { RECORD } from "./layout.ts"

/** Writes records one after another: fixed fields at their offsets, and texts behind them, a character at a time. */
export class RecordWriter {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #start: number
  #lengths = 0
  #text = 0
  /** Where the next character goes. */
  #end: number

  constructor(buffer: ArrayBufferLike, start: number) {
    this.#bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
    this.#start = start
    this.#end = start
  }

  /** Where the next record begins. */
  get offset(): number {
    return this.#start
  }

  /** @param lengths where the lengths of its texts are  @param texts where these begin */
  begin(
    kind: number,
    dateTime: number,
    { lengths, texts }: { readonly lengths: number; readonly texts: number },
  ): void {
    this.#view.setUint32(this.#start + RECORD.kind, kind, true)
    this.#view.setFloat64(this.#start + RECORD.dateTime, dateTime, true)
    this.#lengths = this.#start + lengths
    this.#end = this.#start + texts
    this.#text = this.#end
  }

  integer(offset: number, value: number): void {
    this.#view.setUint32(this.#start + offset, value, true)
  }

  float(offset: number, value: number): void {
    this.#view.setFloat64(this.#start + offset, value, true)
  }

  character(code: number): void {
    this.#bytes[this.#end++] = code
  }

  characters(text: string): void {
    for (let index = 0; index < text.length; index++) this.character(text.charCodeAt(index))
  }

  /** Without the spaces at both ends of what was written of this text since `from`. */
  trim(from: number): void {
    const bytes = this.#bytes
    while (this.#end > from && bytes[this.#end - 1] === SPACE) this.#end -= 1
    let first = from
    while (first < this.#end && bytes[first] === SPACE) first += 1
    bytes.copyWithin(from, first, this.#end)
    this.#end -= first - from
  }

  get position(): number {
    return this.#end
  }

  /** The text is complete. @returns its length */
  endText(): number {
    const length = this.#end - this.#text
    this.#view.setUint16(this.#lengths, length, true)
    this.#lengths += 2
    this.#text = this.#end
    return length
  }

  end(): void {
    const next = (this.#end + 7) & ~7
    this.#bytes.fill(0, this.#end, next)
    this.#view.setUint32(this.#start + RECORD.bytes, next - this.#start, true)
    this.#start = next
    this.#end = next
  }
}

const SPACE = 32
