import type { ByteFeed } from "./_byte-feed.ts"
import { type BadPiece, type Block, NEWLINE, rawText, tooLong } from "./_decoder.ts"

export interface BlockReaderOptions {
  /** Lines that start at or after this offset belong to the next split. */
  readonly end: number
  /** Number of the line that the feed stands at, null when unknown. */
  readonly line: number | null
  readonly maxRecordBytes: number
  readonly report: (bad: BadPiece) => void
}

/** Cuts a feed into blocks of whole lines: those that start before `end`. A line too long to be kept is reported and passed over. */
export class BlockReader {
  readonly #feed: ByteFeed
  readonly #options: BlockReaderOptions
  #line: number | null
  /** So many bytes of the window are known to hold no newline: a long line is searched once. */
  #searched = 0

  constructor(feed: ByteFeed, options: BlockReaderOptions) {
    this.#feed = feed
    this.#options = options
    this.#line = options.line
  }

  get offset(): number {
    return this.#feed.offset
  }

  get line(): number | null {
    return this.#line
  }

  /** Passes over the line that the feed stands in. */
  async skipLine(): Promise<void> {
    const { end } = this.#options
    while (this.offset < end) {
      const bytes = this.#feed.bytes
      const newline = bytes.indexOf(NEWLINE)
      if (newline !== -1) {
        this.#feed.consume(newline + 1)
        return
      }
      this.#feed.consume(bytes.length)
      if (this.#feed.ended) return
      await this.#feed.fill()
    }
  }

  /**
   * @param targetBytes a block is at most this long, but for its last line
   * @param minBytes wait for so many bytes, or for the end of the file
   * @returns undefined when no line is left. The bytes are valid until the next call
   */
  async next(targetBytes: number, minBytes: number): Promise<Block | undefined> {
    const feed = this.#feed
    const { end, maxRecordBytes } = this.#options
    while (feed.offset < end) {
      while (feed.bytes.length < minBytes && !feed.ended) await feed.fill()
      const bytes = feed.bytes
      if (bytes.length === 0 && feed.ended) return undefined
      const length = this.#wholeLines(bytes, Math.max(targetBytes, minBytes))
      if (length > 0) {
        const last = (feed.ended && length === bytes.length) || feed.offset + length >= end
        return { bytes: bytes.subarray(0, length), offset: feed.offset, line: this.#line, last }
      }
      if (bytes.length > maxRecordBytes) await this.#passOver(bytes)
      else await feed.fill()
    }
    return undefined
  }

  /** Moves on behind what a decoder took of a block. */
  accept(bytes: number, lines: number): void {
    this.#feed.consume(bytes)
    this.#searched = 0
    if (this.#line !== null) this.#line += lines
  }

  /** @returns how many bytes from the start of the window make whole lines of this split, 0 when its first line goes on */
  #wholeLines(bytes: Buffer, targetBytes: number): number {
    let length = 0
    if (this.#feed.ended && bytes.length <= targetBytes) length = bytes.length
    else {
      if (this.#searched < targetBytes) length = bytes.lastIndexOf(NEWLINE, Math.min(targetBytes, bytes.length) - 1) + 1
      if (length === 0) {
        length = bytes.indexOf(NEWLINE, this.#searched) + 1
        if (length === 0) this.#searched = bytes.length
      }
      if (length === 0 && this.#feed.ended) length = bytes.length
    }
    const remaining = this.#options.end - this.#feed.offset
    if (length <= remaining) return length
    // The line that holds the split's last byte is its last line; the byte before it ends the one before.
    const lastNewline = bytes.indexOf(NEWLINE, remaining - 1)
    return lastNewline === -1 ? length : lastNewline + 1
  }

  async #passOver(bytes: Buffer): Promise<void> {
    const { maxRecordBytes, report } = this.#options
    report({ raw: rawText(bytes), reason: tooLong(maxRecordBytes), offset: this.#feed.offset, line: this.#line })
    this.#feed.consume(bytes.length)
    this.#searched = 0
    for (;;) {
      const rest = this.#feed.bytes
      const newline = rest.indexOf(NEWLINE)
      if (newline !== -1) return this.accept(newline + 1, 1)
      this.#feed.consume(rest.length)
      if (this.#feed.ended) return
      await this.#feed.fill()
    }
  }
}
