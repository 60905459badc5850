import type { ColumnMetaData, DecodedArray, PageHeader } from "hyparquet"
import type { Column } from "./_column.ts"
import { HybridReader } from "./_hybrid-reader.ts"
import type { ColumnDecoder, PageDecoders, Peers } from "./_peers.ts"
import { unpack } from "./_unpack.ts"
import { type ValueDecoder, type ValueOptions, valueDecoder } from "./_values.ts"

/** Rows decoded per inner loop: bounds the scratch memory. */
const SLICE_ROWS = 1024

/** A page in the middle of being read. */
interface Page {
  read(out: unknown[], start: number, count: number): void
}

/**
 * A column without nesting, read page by page and, within a page, slice by slice.
 *
 * - Memory: the column's compressed bytes plus one unpacked page plus the dictionary.
 * - The longest synchronous stretch is unpacking one page in JavaScript (nothing, where Node unpacks natively).
 *
 * Dictionary pages are decoded here, lazily: dictionary values once, then 1,024 indexes at a time; hyparquet would
 * build the whole page's values as one array (270,000 at once in files of Polars and DuckDB). All other encodings are
 * hyparquet's to decode, one page at once, and their values are converted in slices.
 */
export class FlatColumn implements Column {
  ready = 0
  readonly #peers: Peers
  readonly #pages: PageDecoders
  readonly #decoder: ColumnDecoder
  readonly #values: ValueDecoder
  readonly #reader: { readonly view: DataView; offset: number }
  readonly #bytes: Uint8Array
  readonly #optional: boolean
  #dictionary: unknown[] | undefined
  #page: Page | undefined
  #toSkip = 0

  constructor(
    bytes: Uint8Array,
    metadata: ColumnMetaData,
    schemaPath: ColumnDecoder["schemaPath"],
    peers: Peers & { readonly pages: PageDecoders },
    options: ValueOptions,
  ) {
    const element = schemaPath[schemaPath.length - 1]!.element
    const { path_in_schema: pathInSchema, codec, type } = metadata
    this.#peers = peers
    this.#pages = peers.pages
    const parsers = peers.pages.DEFAULT_PARSERS
    this.#decoder = { pathInSchema, type, element, schemaPath, codec, parsers }
    this.#values = valueDecoder(this.#decoder, peers.pages, options)
    this.#bytes = bytes
    this.#reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
    this.#optional = element.repetition_type !== "REQUIRED"
  }

  skip(rows: number): void {
    this.#toSkip += rows
  }

  read(out: unknown[], start: number, count: number): void {
    const page = this.#page!
    for (let done = 0; done < count; done += SLICE_ROWS) {
      page.read(out, start + done, Math.min(SLICE_ROWS, count - done))
    }
    this.ready -= count
  }

  async load(): Promise<void> {
    while (this.ready === 0) {
      if (this.#reader.offset >= this.#bytes.length) throw new Error("a column ends before its row group does")
      const header = this.#pages.parquetHeader(this.#reader)
      const start = this.#reader.offset
      this.#reader.offset += header.compressed_page_size
      // A damaged size that leads back would have us read the same page for ever.
      if (!(header.compressed_page_size >= 0)) throw new Error("a page has a negative size")
      if (this.#reader.offset > this.#bytes.length) throw new Error("a page reaches beyond the end of its column")
      const body = this.#bytes.subarray(start, this.#reader.offset)
      switch (header.type) {
        case "DICTIONARY_PAGE":
          this.#dictionary = await this.#readDictionary(header, body)
          break
        case "DATA_PAGE":
        case "DATA_PAGE_V2":
          await this.#openDataPage(header, body)
          break
        default: // index pages: nothing to read
      }
    }
  }

  async #openDataPage(header: PageHeader, body: Uint8Array): Promise<void> {
    const about = header.data_page_header ?? header.data_page_header_v2
    if (about === undefined) throw new Error("a data page has no header")
    const rows = about.num_values
    if (!(rows >= 0)) throw new Error("a page has a negative number of rows")
    if (rows <= this.#toSkip) {
      this.#toSkip -= rows
      return
    }
    const isIndexed = about.encoding === "RLE_DICTIONARY" || about.encoding === "PLAIN_DICTIONARY"
    this.#page = isIndexed ? await this.#dictionaryPage(header, body, rows) : await this.#plainPage(header, body)
    this.ready = rows
    const scratch: unknown[] = []
    while (this.#toSkip > 0) {
      const count = Math.min(SLICE_ROWS, this.#toSkip)
      this.read(scratch, 0, count)
      this.#toSkip -= count
    }
  }

  async #readDictionary(header: PageHeader, body: Uint8Array): Promise<unknown[]> {
    const about = header.dictionary_page_header
    if (about === undefined) throw new Error("a dictionary page has no header")
    const bytes = await this.#unpack(body, header.uncompressed_page_size)
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
    const { type, element } = this.#decoder
    const stored = this.#pages.readPlain(reader, type, about.num_values, element.type_length)
    return Array.from(this.#values.decode(stored))
  }

  async #dictionaryPage(header: PageHeader, body: Uint8Array, rows: number): Promise<Page> {
    const dictionary = this.#dictionary
    if (dictionary === undefined) throw new Error("a page refers to a dictionary that is not there")
    let bytes: Uint8Array
    let levels: HybridReader | undefined
    let at = 0
    const v2 = header.data_page_header_v2
    if (v2 === undefined) {
      bytes = await this.#unpack(body, header.uncompressed_page_size)
      if (this.#optional) {
        const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
        at = 4 + size
        levels = new HybridReader(bytes, 4, at, 1)
      }
    } else {
      // Version 2 keeps the levels outside of what is compressed, without a length before them.
      const levelsEnd = v2.repetition_levels_byte_length + v2.definition_levels_byte_length
      if (this.#optional && v2.num_nulls > 0) {
        levels = new HybridReader(body, v2.repetition_levels_byte_length, levelsEnd, 1)
      }
      const values = body.subarray(levelsEnd)
      bytes =
        v2.is_compressed === false ? values : await this.#unpack(values, header.uncompressed_page_size - levelsEnd)
    }
    // A page of nulls alone may end without so much as a bit width.
    const width = at < bytes.length ? bytes[at]! : 0
    const indexes = new HybridReader(bytes, Math.min(at + 1, bytes.length), bytes.length, width)
    return new DictionaryPage(dictionary, levels, indexes, this.#values.fresh, rows)
  }

  async #plainPage(header: PageHeader, body: Uint8Array): Promise<Page> {
    const v1 = header.data_page_header
    if (v1 !== undefined) {
      const bytes = await this.#unpack(body, header.uncompressed_page_size)
      const page = this.#pages.readDataPage(bytes, v1, this.#decoder)
      return new DecodedPage(page.dataPage, page.definitionLevels, this.#values)
    }
    const v2 = header.data_page_header_v2!
    const levelsEnd = v2.repetition_levels_byte_length + v2.definition_levels_byte_length
    const packed = v2.is_compressed !== false
    const values = packed
      ? await this.#unpack(body.subarray(levelsEnd), header.uncompressed_page_size - levelsEnd)
      : undefined
    // hyparquet reads the levels from the page and asks a decompressor for the rest: this one has the answer ready.
    const decoder: ColumnDecoder =
      values === undefined ? this.#decoder : { ...this.#decoder, compressors: { [this.#decoder.codec]: () => values } }
    const page = this.#pages.readDataPageV2(body, header, decoder)
    return new DecodedPage(page.dataPage, page.definitionLevels, this.#values)
  }

  #unpack(packed: Uint8Array, unpackedSize: number): Promise<Uint8Array> {
    return unpack(packed, unpackedSize, this.#decoder.codec, this.#peers)
  }
}

/** Rows of a data page that holds indexes into a dictionary. */
class DictionaryPage implements Page {
  readonly #dictionary: readonly unknown[]
  readonly #levels: HybridReader | undefined
  readonly #indexes: HybridReader
  readonly #fresh: ValueDecoder["fresh"]
  readonly #scratch: Uint32Array
  readonly #present: Uint32Array

  constructor(
    dictionary: readonly unknown[],
    levels: HybridReader | undefined,
    indexes: HybridReader,
    fresh: ValueDecoder["fresh"],
    rows: number,
  ) {
    this.#dictionary = dictionary
    this.#levels = levels
    this.#indexes = indexes
    this.#fresh = fresh
    this.#scratch = new Uint32Array(Math.min(rows, SLICE_ROWS))
    this.#present = levels === undefined ? this.#scratch : new Uint32Array(this.#scratch.length)
  }

  read(out: unknown[], start: number, count: number): void {
    if (this.#levels === undefined || this.#levels.takeRun(1, count)) {
      this.#indexes.read(this.#scratch, count)
      this.#lookUp(out, start, count)
      return
    }
    const present = this.#present
    this.#levels.read(present, count)
    let values = 0
    for (let row = 0; row < count; row++) values += present[row]!
    this.#indexes.read(this.#scratch, values)
    let next = 0
    for (let row = 0; row < count; row++) {
      out[start + row] = present[row] === 1 ? this.#valueAt(this.#scratch[next++]!) : null
    }
  }

  #lookUp(out: unknown[], start: number, count: number): void {
    const scratch = this.#scratch
    const dictionary = this.#dictionary
    const size = dictionary.length
    if (this.#fresh !== undefined) {
      for (let row = 0; row < count; row++) out[start + row] = this.#valueAt(scratch[row]!)
      return
    }
    for (let row = 0; row < count; row++) {
      const index = scratch[row]!
      if (index >= size) throw outsideDictionary(index, size)
      out[start + row] = dictionary[index]
    }
  }

  #valueAt(index: number): unknown {
    if (index >= this.#dictionary.length) throw outsideDictionary(index, this.#dictionary.length)
    const value = this.#dictionary[index]
    return this.#fresh === undefined ? value : this.#fresh(value)
  }
}

function outsideDictionary(index: number, size: number): Error {
  return new Error(`a page refers to entry ${index} of a dictionary of ${size}`)
}

/** Rows of a data page whose stored values hyparquet has decoded; they are converted as they are read. */
class DecodedPage implements Page {
  readonly #stored: DecodedArray
  /** 1 where a row has a value; empty when all have one. */
  readonly #levels: readonly number[]
  readonly #values: ValueDecoder
  #row = 0
  #next = 0

  constructor(stored: DecodedArray, levels: readonly number[] | undefined, values: ValueDecoder) {
    this.#stored = stored
    this.#levels = levels ?? []
    this.#values = values
  }

  read(out: unknown[], start: number, count: number): void {
    const levels = this.#levels
    let present = count
    if (levels.length > 0) {
      present = 0
      for (let row = 0; row < count; row++) present += levels[this.#row + row]!
    }
    const { fresh } = this.#values
    const values = this.#values.decode(slice(this.#stored, this.#next, this.#next + present))
    if (values.length !== present) throw new Error(`a page ends ${present - values.length} values too early`)
    let next = 0
    for (let row = 0; row < count; row++) {
      if (levels.length > 0 && levels[this.#row + row] !== 1) out[start + row] = null
      else out[start + row] = fresh === undefined ? values[next++] : fresh(values[next++])
    }
    this.#next += present
    this.#row += count
  }
}

function slice(stored: DecodedArray, start: number, end: number): DecodedArray {
  return Array.isArray(stored) ? stored.slice(start, end) : stored.subarray(start, end)
}
