import { statSync } from "node:fs"
import type {
  BadRecordPolicy,
  Position,
  ReadContext,
  Source,
  SourceBatch,
  Split,
  SplitContext,
} from "../../contracts/index.ts"
import { describe, EngineError } from "../../errors/index.ts"
import { BlockReader } from "./_block-reader.ts"
import { ByteFeed } from "./_byte-feed.ts"
import type { FileHead } from "./_csv-decoder.ts"
import type { BadPiece, Decoder } from "./_decoder.ts"
import { errnoOf } from "./_file-errors.ts"
import { findFiles, isGlob } from "./_find-files.ts"
import type { ReadSettings } from "./_options.ts"
import { cutFile, type FileSplitData, inspectFiles } from "./_plan-splits.ts"

/** What a format must say for its files to be read. */
export interface Reading<T> {
  readonly label: string
  readonly paths: readonly string[]
  /** What its files are called in a directory. */
  readonly extensions: readonly string[]
  /** False when a record may hold a newline. */
  readonly cuttable: boolean
  readonly settings: ReadSettings
  /** A decoder for one file; `head` reads its beginning, for formats that need it. */
  decoder(path: string, head: (bytes: number) => Promise<FileHead>): Decoder<T> | Promise<Decoder<T>>
}

/** Enough bytes of each kind for a batch of about 1,000 records, and never more than the contract's 256 KiB. */
const FIRST_BLOCK_BYTES = 16 * 1024
const MIN_BLOCK_BYTES = 4 * 1024
const MAX_BLOCK_BYTES = 256 * 1024
const BATCH_RECORDS = 1024

/**
 * Files of lines as a source.
 *
 * - A split yields the records that start in its byte range, in file order; the splits of a file, in order, its records.
 * - Positions are byte offsets of a record's start, after decompression: `read(split, next)` goes on exactly there.
 * - Memory: one window of `chunkBytes`, or twice the longest record.
 */
export class FileSource<T> implements Source<T> {
  readonly label: string
  readonly bounded = true
  readonly badRecords: BadRecordPolicy
  readonly #reading: Reading<T>
  #inOrder: boolean | undefined

  constructor(reading: Reading<T>) {
    this.label = reading.label
    this.badRecords = reading.settings.badRecords
    this.#reading = reading
    this.#inOrder = reading.settings.inOrder
  }

  /** Unless chosen: true for one file. A single path may be a directory, so the disk is asked, once. */
  get splitsInOrder(): boolean {
    this.#inOrder ??= isOneFile(this.#reading.paths)
    return this.#inOrder
  }

  async splits(context: SplitContext): Promise<readonly Split[]> {
    const { paths, extensions, cuttable, settings } = this.#reading
    const files = await inspectFiles(await findFiles(paths, extensions))
    const plan = { parallelism: context.parallelism, splitBytes: settings.splitBytes, cuttable }
    return files.flatMap((file) => cutFile(file, plan))
  }

  async *read(
    split: Split,
    from: Position | undefined,
    context: ReadContext,
  ): AsyncGenerator<SourceBatch<T>, void, undefined> {
    const data = split.data as FileSplitData
    const { maxRecordBytes, chunkBytes } = this.#reading.settings
    const decoder = await this.#reading.decoder(data.path, (bytes) => readHead(data, bytes, chunkBytes))
    const place = startOf(data, from, decoder)
    if (data.end !== null && place.offset >= data.end) return
    const feed = await ByteFeed.open(data, place.offset, chunkBytes)
    try {
      if (place.offset === 0) await skipByteOrderMark(feed)
      // The first line belongs to the first split, also when that one ends within the byte order mark.
      const end = Math.max(data.end ?? Number.POSITIVE_INFINITY, data.start === 0 ? feed.offset + 1 : 0)
      const report = (bad: BadPiece): void => {
        const position = bad.line === null ? `${data.path}@${bad.offset}` : `${data.path}:${bad.line}`
        context.malformed({ raw: bad.raw, reason: bad.reason, position })
      }
      const reader = new BlockReader(feed, { end, line: place.line, maxRecordBytes, report })
      if (place.inLine) await reader.skipLine()

      let targetBytes = FIRST_BLOCK_BYTES
      let minBytes = 1
      while (!context.signal.aborted) {
        const block = await reader.next(targetBytes, minBytes)
        if (block === undefined) return
        const { values, bytes, lines } = decoder.decode(block, report)
        const blockBytes = block.bytes.length
        reader.accept(bytes, lines)
        // A record that goes on behind the block is looked at again when twice as much has been read: linear in all. The
        // last wish is doubled, not the block: what is read next may hold no line end, and leave the block as it was.
        minBytes = bytes > 0 ? 1 : Math.max(minBytes, blockBytes) * 2
        if (lines > 0) targetBytes = clamp((bytes / lines) * BATCH_RECORDS)
        if (values.length > 0) yield { values, next: { offset: reader.offset, line: reader.line } }
      }
    } finally {
      await feed.close()
    }
  }
}

interface Place {
  readonly offset: number
  readonly line: number | null
  /** True when `offset` is within a line that belongs to the split before: reading starts behind it. */
  readonly inLine: boolean
}

function startOf<T>(data: FileSplitData, from: Position | undefined, decoder: Decoder<T>): Place {
  if (from !== undefined && from !== null) return savedPlace(from)
  const first = decoder.firstRecord
  if (first !== undefined && data.start <= first.offset) return { ...first, inLine: false }
  if (data.start === 0) return { offset: 0, line: 1, inLine: false }
  // One byte early: when it ends a line, the split's first byte starts one.
  return { offset: data.start - 1, line: null, inLine: true }
}

function savedPlace(from: NonNullable<Position>): Place {
  if (typeof from === "object" && typeof from.offset === "number") {
    const line = from.line
    return { offset: from.offset, line: typeof line === "number" ? line : null, inLine: false }
  }
  throw new EngineError(
    "SOURCE_POSITION_INVALID",
    `Cannot go on at ${describe(from)}: a position in a file is {offset, line}; restore from a checkpoint of this pipeline`,
  )
}

function clamp(bytes: number): number {
  return Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, Math.ceil(bytes)))
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

async function skipByteOrderMark(feed: ByteFeed): Promise<void> {
  while (feed.bytes.length < BYTE_ORDER_MARK.length && !feed.ended) await feed.fill()
  if (feed.bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) feed.consume(BYTE_ORDER_MARK.length)
}

async function readHead(file: FileSplitData, bytes: number, chunkBytes: number): Promise<FileHead> {
  const feed = await ByteFeed.open(file, 0, chunkBytes)
  try {
    await skipByteOrderMark(feed)
    while (feed.bytes.length < bytes && !feed.ended) await feed.fill()
    const head = Buffer.from(feed.bytes.subarray(0, bytes))
    return { path: file.path, bytes: head, offset: feed.offset, whole: feed.ended && head.length === feed.bytes.length }
  } finally {
    await feed.close()
  }
}

function isOneFile(paths: readonly string[]): boolean {
  const [path] = paths
  if (paths.length !== 1 || path === undefined) return false
  try {
    return statSync(path).isFile()
  } catch (thrown) {
    // A path that cannot be looked at is reported by `splits`, with its reason; here only its shape counts.
    return errnoOf(thrown) !== "ENOENT" || !isGlob(path)
  }
}
