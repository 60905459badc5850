/** Where the cells of a record end: see `CsvTokenizer.read`. */
export const INCOMPLETE = -1
export const BROKEN = -2

/**
 * Cuts CSV text into the cells of one record after another (RFC 4180; a quote inside an unquoted cell is an ordinary character,
 * and lines may end in `\n` or `\r\n`).
 *
 * Written here since the fast libraries cannot say which record is malformed: udsv 0.7.3 joins a row that is too short
 * with the next one, and papaparse 5.7 knows one line end per file and no byte offsets. What is left after finding lines
 * is small: records without a quote are cut at the delimiter, and only the others need a state machine.
 */
export class CsvTokenizer {
  /** The cells of the last record read; valid until the next `read`. */
  readonly cells: string[] = []
  /** Why the last record is BROKEN. */
  reason = ""
  readonly #delimiter: string
  readonly #quote: string | undefined
  readonly #quotedNewlines: boolean
  #text = ""
  /** The first quote at or after the record to be read; text.length when there is none. */
  #nextQuote = 0

  constructor(format: { delimiter: string; quote: string | undefined; quotedNewlines: boolean }) {
    this.#delimiter = format.delimiter
    this.#quote = format.quote
    this.#quotedNewlines = format.quotedNewlines
  }

  /** Sets the text that `read` reads: whole lines, the last with or without its line end. */
  start(text: string): void {
    this.#text = text
    this.#nextQuote = -1
  }

  /**
   * Reads the record at `at`.
   *
   * @returns the index after its line end; INCOMPLETE when a quoted cell is still open where the text ends; BROKEN when
   *   the line is no CSV, with `reason` set. `cells` is empty for an empty line.
   */
  read(at: number): number {
    const text = this.#text
    this.cells.length = 0
    const newline = text.indexOf("\n", at)
    const after = newline === -1 ? text.length : newline + 1
    const end = lineEnd(text, at, newline === -1 ? text.length : newline)
    if (end === at) return after
    if (this.#quoteBefore(at, end)) return this.#readQuoted(at, end, after)
    this.#cutAtDelimiters(at, end)
    return after
  }

  #quoteBefore(at: number, end: number): boolean {
    if (this.#quote === undefined) return false
    if (this.#nextQuote < at) {
      const found = this.#text.indexOf(this.#quote, at)
      this.#nextQuote = found === -1 ? this.#text.length : found
    }
    return this.#nextQuote < end
  }

  #cutAtDelimiters(at: number, end: number): void {
    const text = this.#text
    const delimiter = this.#delimiter
    let start = at
    for (;;) {
      const found = text.indexOf(delimiter, start)
      if (found === -1 || found >= end) break
      this.cells.push(text.slice(start, found))
      start = found + 1
    }
    this.cells.push(text.slice(start, end))
  }

  /** `end` and `after` are those of the line that `at` is in; a quoted cell may carry the record on to a later line. */
  #readQuoted(at: number, end: number, after: number): number {
    const text = this.#text
    const quote = this.#quote!
    let start = at
    for (;;) {
      if (text[start] !== quote) {
        const found = text.indexOf(this.#delimiter, start)
        if (found === -1 || found >= end) {
          this.cells.push(text.slice(start, end))
          return after
        }
        this.cells.push(text.slice(start, found))
        start = found + 1
        continue
      }
      const close = this.#closingQuote(start + 1)
      if (close >= end && !this.#quotedNewlines) return this.#broken("a quoted cell is not closed on its line")
      if (close === text.length) return INCOMPLETE
      if (close >= end) {
        // The cell holds a line end: go on with the line its closing quote is in.
        const newline = text.indexOf("\n", close)
        after = newline === -1 ? text.length : newline + 1
        end = lineEnd(text, close, newline === -1 ? text.length : newline)
      }
      const cell = text.slice(start + 1, close)
      this.cells.push(cell.includes(quote) ? cell.replaceAll(quote + quote, quote) : cell)
      if (close + 1 >= end) return after
      if (text[close + 1] !== this.#delimiter) return this.#broken("a closing quote is followed by more text")
      start = close + 2
    }
  }

  /** @returns text.length when there is none */
  #closingQuote(from: number): number {
    const text = this.#text
    const quote = this.#quote!
    for (let at = from; ; at += 2) {
      at = text.indexOf(quote, at)
      if (at === -1) return text.length
      if (text[at + 1] !== quote) return at
    }
  }

  #broken(reason: string): number {
    this.reason = reason
    return BROKEN
  }
}

function lineEnd(text: string, start: number, newline: number): number {
  return newline > start && text[newline - 1] === "\r" ? newline - 1 : newline
}
