import { Column } from "./_column.ts"
import { type ColumnReader, createReader } from "./_column-reader.ts"
import { explainRefusal, SampledCheck } from "./_refusal.ts"
import { parseShape } from "./_shape.ts"
import { ByteCursor, cursorOver, damaged, scratchOf } from "./byte-cursor.ts"
import { MsgpackCodec } from "./msgpack-codec.ts"
import type { ValueCodec } from "./value-codec.ts"

/** One per thread: making one takes longer than most batches do. */
const others = new MsgpackCodec()

/**
 * Values by column, for records that have few shapes, which it learns as they come. See docs/design/011-record-codec.md.
 *
 * ```
 *  u32          u32 bytes    UTF-8, padded to 4          padded to 8
 *  +----------+------------+-------------------------+-----------+
 *  | count    | of shape   | shape (_shape.ts), JSON | columns   |
 *  +----------+------------+-------------------------+-----------+
 * ```
 *
 * - Accepts, refuses and keeps what MsgpackCodec does, which takes the cells that fit no column.
 * - The shape stands in each frame, so that a frame is self-contained. Code that writes and reads a shape is compiled once per
 *   thread.
 *
 * One instance per channel end, or per table: what it has learned of one kind of records would be in the way of another's.
 */
export class RecordCodec implements ValueCodec {
  readonly #check = new SampledCheck()
  readonly #watch = { changed: true }
  readonly #column = new Column({ any: others, watch: this.#watch, depth: 0 })
  /** Gathered so far. */
  #count = 0
  /** They were to be written. Those that were not are forgotten. */
  #prepared = false
  #shapeText = ""
  #shapeBytes = new Uint32Array(0)
  #reader: ColumnReader | undefined
  #readerShape = new Uint32Array(0)

  /**
   * Takes values that `prepare` has written with its own, before them.
   *
   * @returns whether they may change from now on; if not, `prepare` before they do
   * @throws {EngineError} RECORD_NOT_SERIALIZABLE for what a look at some of them finds: then it has taken none
   */
  gather(values: readonly unknown[]): boolean {
    this.#check.check(values)
    if (this.#prepared) this.#forget()
    this.#column.gather(values, values.length)
    this.#count += values.length
    return this.#column.isKept
  }

  prepare(values: readonly unknown[]): number {
    this.gather(values)
    const column = this.#column
    try {
      column.settle()
    } catch (error) {
      this.#forget()
      throw explainRefusal(error, values)
    }
    this.#prepared = true
    if (this.#watch.changed) this.#nameShape()
    return 8 + 4 * this.#shapeBytes.length + 8 + column.bound
  }

  #forget(): void {
    this.#column.clear()
    this.#prepared = false
    this.#count = 0
  }

  write(sink: ByteCursor): void {
    const shape = this.#shapeBytes
    const at = sink.take(2 + shape.length, 2)
    sink.u32[at] = this.#count
    sink.u32[at + 1] = shape.length
    for (let index = 0; index < shape.length; index++) sink.u32[at + 2 + index] = shape[index]!
    this.#column.write(sink)
    this.#forget()
  }

  read(source: ByteCursor, count: number): unknown[] {
    const at = source.take(2, 2)
    const words = source.u32[at + 1]!
    if (source.u32[at]! !== count) throw damaged(`${source.u32[at]} values stand for ${count}`)
    const reader = this.#readerFor(source, source.take(words, 2), words)
    return reader(source, count)
  }

  /** The values as bytes of their own. */
  encode(values: readonly unknown[]): Uint8Array<ArrayBuffer> {
    const sink = scratchOf(this.prepare(values))
    this.write(sink)
    return sink.u8.slice(0, sink.at) as Uint8Array<ArrayBuffer>
  }

  /** Those that `encode` made bytes of. */
  decode(bytes: Uint8Array): unknown[] {
    if (bytes.length < 8) throw damaged(`${bytes.length} bytes`)
    const source = cursorOver(bytes)
    return this.read(source, source.u32[source.at >> 2]!)
  }

  #nameShape(): void {
    this.#watch.changed = false
    const text = JSON.stringify(this.#column.shape)
    if (text === this.#shapeText) return
    this.#shapeText = text
    const sink = new ByteCursor(new ArrayBuffer((3 * text.length + 7) & ~3))
    const bytes = sink.text.utf8Write(text, 0, 3 * text.length)
    // Spaces mean nothing in JSON.
    sink.u8.fill(SPACE, bytes)
    this.#shapeBytes = sink.u32.slice(0, (bytes + 3) >> 2)
  }

  #readerFor(source: ByteCursor, at: number, words: number): ColumnReader {
    if (this.#reader !== undefined && isSame(this.#readerShape, source.u32, at, words)) return this.#reader
    this.#reader = readerFor(source.text.utf8Slice(4 * at, 4 * (at + words)))
    this.#readerShape = source.u32.slice(at, at + words)
    return this.#reader
  }
}

const SPACE = 0x20

function isSame(shape: Uint32Array, words: Uint32Array, at: number, length: number): boolean {
  if (shape.length !== length) return false
  for (let index = 0; index < length; index++) if (shape[index] !== words[at + index]) return false
  return true
}

/** Compiled readers of this thread; bounded, since shapes come from data. */
const readers = new Map<string, ColumnReader>()
const MAX_READERS = 1024

function readerFor(shapeText: string): ColumnReader {
  let reader = readers.get(shapeText)
  if (reader === undefined) {
    if (readers.size === MAX_READERS) readers.clear()
    reader = createReader(parseShape(shapeText), others)
    readers.set(shapeText, reader)
  }
  return reader
}
