import { EngineError } from "../../errors/index.ts"
import { hex32, partFileName } from "./_names.ts"
import { readFully } from "./_read-file.ts"
import { damaged, readFailed } from "./_store-errors.ts"
import { decodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"
import type { Disk, DiskFile } from "./disk.ts"
import {
  BLOCK_KINDS,
  type BlockInfo,
  CHECKSUM_BYTES,
  HEAD_FIXED_BYTES,
  HEADER_FIXED_BYTES,
  INDEX_OFFSET_BYTES,
  jobHash,
  MAX_BLOCK_BYTES,
  MAX_INDEX_BYTES,
  MAX_NAME_BYTES,
  NO_KEY_GROUP,
  PART_FORMAT_VERSION,
  PART_MAGIC,
  type PartHandle,
  TRAILER_BYTES,
  TRAILER_MAGIC,
} from "./part-file.ts"

export interface PartReaderOptions {
  readonly disk: Disk
  /** Of the checkpoint or savepoint that names the part: RestorePoint.directory. */
  readonly directory: string
  readonly handle: PartHandle
  readonly jobName: string
}

/** Which blocks to read: those that agree in everything that is given. */
export interface BlockSelection {
  readonly operatorId?: string
  readonly table?: string
  /** First and last group wanted, both included. Blocks of no key group are not among them. */
  readonly keyGroups?: { readonly first: number; readonly last: number }
}

interface PlacedBlock {
  readonly info: BlockInfo
  /** Where its head begins. */
  readonly offset: number
  readonly head: Uint8Array
  readonly checksum: number
}

const CHUNK_BYTES = 1 << 20

/**
 * Reads one part that a manifest names.
 *
 * - Nothing is believed: what `open` and `verify` accept is byte for byte what the writer wrote, for this job and under
 *   this name.
 * - No length is trusted before it has been compared with the size of the file: allocations are bounded by it.
 *
 * @throws {EngineError} CHECKPOINT_PART_MISSING, _CUT (shorter than the manifest says), _DAMAGED, _FOREIGN (of another
 *   job, checkpoint or subtask), _VERSION (written by another release), each with `details.file` and `details.byte`;
 *   CHECKPOINT_READ_FAILED when the system refused to read
 */
export class PartReader {
  readonly checkpointId: number
  readonly attempt: number
  readonly vertexId: string
  readonly subtask: number
  readonly #path: string
  readonly #file: DiskFile
  readonly #blocks: readonly PlacedBlock[]

  private constructor(path: string, file: DiskFile, header: Header, blocks: readonly PlacedBlock[]) {
    this.#path = path
    this.#file = file
    this.#blocks = blocks
    this.checkpointId = header.checkpointId
    this.attempt = header.attempt
    this.vertexId = header.vertexId
    this.subtask = header.subtask
  }

  /** Reads header, index and trailer: O(blocks). Close the reader when done. */
  static async open({ disk, directory, handle, jobName }: PartReaderOptions): Promise<PartReader> {
    const path = `${directory}/${handle.file}`
    try {
      const { kind, sizeBytes } = await disk.stat(path)
      if (kind !== "file") throw damaged("CHECKPOINT_PART_DAMAGED", path, 0, `there is no regular file (kind: ${kind})`)
      if (sizeBytes < handle.bytes) {
        throw damaged(
          "CHECKPOINT_PART_CUT",
          path,
          sizeBytes,
          `the file ends, the manifest says it has ${handle.bytes} bytes`,
        )
      }
      if (sizeBytes > handle.bytes) {
        throw damaged("CHECKPOINT_PART_DAMAGED", path, handle.bytes, `the file goes on to ${sizeBytes} bytes`)
      }
      const file = await disk.open(path, "read")
      try {
        const source = new PartSource(path, file, sizeBytes)
        const header = await readHeader(source)
        checkOwner(source, header, handle, jobName)
        const blocks = await readIndex(source, header, handle)
        return new PartReader(path, file, header, blocks)
      } catch (error) {
        await file.close()
        throw error
      }
    } catch (error) {
      throw readFailed("PART", path, error)
    }
  }

  /** Every block, in the order written. */
  get blocks(): readonly BlockInfo[] {
    return this.#blocks.map(({ info }) => info)
  }

  /** Reads all and checks every checksum, in pieces of at most 1 MiB. */
  async verify(): Promise<void> {
    const longest = this.#blocks.reduce((most, { info }) => Math.max(most, info.bytes), 0)
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, longest))
    for (const block of this.#blocks) {
      await this.#checkHead(block)
      const start = payloadOffset(block)
      let checksum = 0
      for (let done = 0; done < block.info.bytes; ) {
        const piece = chunk.subarray(0, Math.min(chunk.length, block.info.bytes - done))
        await this.#readExactly(piece, start + done)
        checksum = crc32(piece, checksum)
        done += piece.length
      }
      this.#checkPayload(block, checksum)
    }
  }

  /** The checked bytes of the wanted blocks, in the order written, one block in memory at a time. */
  async *select(
    selection: BlockSelection = {},
  ): AsyncGenerator<{ readonly block: BlockInfo; readonly bytes: Uint8Array }> {
    for (const block of this.#blocks) {
      if (isWanted(block.info, selection)) yield { block: block.info, bytes: await this.#readBlock(block) }
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #readBlock(block: PlacedBlock): Promise<Uint8Array> {
    await this.#checkHead(block)
    const bytes = new Uint8Array(block.info.bytes)
    await this.#readExactly(bytes, payloadOffset(block))
    this.#checkPayload(block, crc32(bytes))
    return bytes
  }

  /** The head beside the payload must be the one in the index. */
  async #checkHead(block: PlacedBlock): Promise<void> {
    const bytes = new Uint8Array(block.head.length + CHECKSUM_BYTES)
    await this.#readExactly(bytes, block.offset)
    for (let i = 0; i < block.head.length; i++) {
      if (bytes[i] !== block.head[i]) this.#refuse(block.offset + i, "the head of a block differs from the index")
    }
    const checksum = viewOf(bytes).getUint32(block.head.length, true)
    if (checksum !== crc32(block.head)) this.#refuse(block.offset, "the head of a block has a wrong checksum")
  }

  #checkPayload(block: PlacedBlock, checksum: number): void {
    if (checksum === block.checksum) return
    const { bytes, table, operatorId } = block.info
    this.#refuse(
      payloadOffset(block),
      `${bytes} bytes of table ${JSON.stringify(table)} of operator ${JSON.stringify(operatorId)} have checksum ` +
        `${hex32(checksum)}, written was ${hex32(block.checksum)}`,
    )
  }

  async #readExactly(into: Uint8Array, offset: number): Promise<void> {
    let count: number
    try {
      count = await readFully(this.#file, into, offset)
    } catch (error) {
      throw readFailed("PART", this.#path, error)
    }
    if (count < into.length) this.#refuse(offset + count, "the file ends, it was longer when it was opened")
  }

  #refuse(byte: number, found: string): never {
    throw damaged("CHECKPOINT_PART_DAMAGED", this.#path, byte, found)
  }
}

interface Header {
  readonly jobHash: number
  readonly checkpointId: number
  readonly attempt: number
  readonly vertexId: string
  readonly subtask: number
  readonly lengthBytes: number
  /** Without its own checksum. */
  readonly checked: Uint8Array
}

/** A part while it is being opened: checked reads, and refusals that name the byte. */
class PartSource {
  readonly path: string
  readonly #file: DiskFile
  readonly sizeBytes: number

  constructor(path: string, file: DiskFile, sizeBytes: number) {
    this.path = path
    this.#file = file
    this.sizeBytes = sizeBytes
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    // The one guard of all allocations made while opening.
    if (offset < 0 || offset + length > this.sizeBytes) {
      throw damaged(
        "CHECKPOINT_PART_CUT",
        this.path,
        this.sizeBytes,
        `the file ends, ${length} bytes at ${offset} were expected`,
      )
    }
    const bytes = new Uint8Array(length)
    const count = await readFully(this.#file, bytes, offset)
    if (count < length) throw damaged("CHECKPOINT_PART_CUT", this.path, offset + count, "the file ends")
    return bytes
  }

  refuse(byte: number, found: string): never {
    throw damaged("CHECKPOINT_PART_DAMAGED", this.path, byte, found)
  }
}

async function readHeader(source: PartSource): Promise<Header> {
  const fixed = await source.read(0, HEADER_FIXED_BYTES)
  if (PART_MAGIC.some((byte, i) => fixed[i] !== byte)) source.refuse(0, "there is no part of a checkpoint")
  // Version, length of the header and the checksum at its end have their places in every version: damage is told from a
  // version.
  const version = viewOf(fixed).getUint16(8, true)
  const lengthBytes = viewOf(fixed).getUint16(10, true)
  if (lengthBytes < HEADER_FIXED_BYTES + CHECKSUM_BYTES)
    source.refuse(10, `the header says it has ${lengthBytes} bytes`)
  const bytes = await source.read(0, lengthBytes)
  const view = viewOf(bytes)
  const checked = bytes.subarray(0, lengthBytes - CHECKSUM_BYTES)
  if (crc32(checked) !== view.getUint32(checked.length, true)) source.refuse(0, "the header has a wrong checksum")
  if (version !== PART_FORMAT_VERSION) {
    throw new EngineError(
      "CHECKPOINT_PART_VERSION",
      `Cannot read ${source.path}: it has format version ${version}, this release reads ${PART_FORMAT_VERSION}; restore with the release of ` +
        "millrace that wrote it, take a savepoint there, or start anew in another checkpoint directory",
      { details: { file: source.path, byte: 8, version } },
    )
  }
  const idBytes = view.getUint32(36, true)
  if (idBytes > MAX_NAME_BYTES || HEADER_FIXED_BYTES + idBytes !== checked.length) {
    source.refuse(36, `the vertex id says it has ${idBytes} bytes`)
  }
  return {
    jobHash: view.getUint32(12, true),
    checkpointId: integerAt(source, view, 16, 16),
    attempt: integerAt(source, view, 24, 24),
    subtask: view.getUint32(32, true),
    vertexId: textOf(source, checked.subarray(HEADER_FIXED_BYTES), HEADER_FIXED_BYTES),
    lengthBytes,
    checked,
  }
}

/** A sound part in the wrong place, e.g. that of checkpoint n - 1 copied over that of n. */
function checkOwner(source: PartSource, header: Header, handle: PartHandle, jobName: string): void {
  const name = partFileName(header)
  if (name === handle.file && header.jobHash === jobHash(jobName)) return
  const found = name === handle.file ? "the header names another job" : `the header says it is ${name}`
  throw damaged("CHECKPOINT_PART_FOREIGN", source.path, 12, found)
}

async function readIndex(source: PartSource, header: Header, handle: PartHandle): Promise<readonly PlacedBlock[]> {
  const start = source.sizeBytes - TRAILER_BYTES
  const trailer = await source.read(start, TRAILER_BYTES)
  const view = viewOf(trailer)
  if (view.getUint32(44, true) !== TRAILER_MAGIC) source.refuse(start + 44, "the end mark is missing")
  if (view.getUint32(40, true) !== crc32(trailer.subarray(0, 40)))
    source.refuse(start, "the trailer has a wrong checksum")
  if (view.getUint32(36, true) !== 0) source.refuse(start + 36, "reserved bytes are set")
  const indexOffset = integerAt(source, view, 0, start)
  const indexBytes = view.getUint32(8, true)
  if (indexBytes > MAX_INDEX_BYTES || indexOffset + indexBytes !== start || indexOffset < header.lengthBytes) {
    source.refuse(start, `the index says it has ${indexBytes} bytes at ${indexOffset}`)
  }
  const index = await source.read(indexOffset, indexBytes)
  if (crc32(index) !== view.getUint32(32, true)) source.refuse(indexOffset, "the index has a wrong checksum")
  const blocks = parseIndex(source, index, indexOffset, header.lengthBytes)
  const entries = blocks.reduce((sum, { info }) => sum + info.entries, 0)
  const payload = blocks.reduce((sum, { info }) => sum + info.bytes, 0)
  if (
    view.getUint32(12, true) !== blocks.length ||
    integerAt(source, view, 16, start + 16) !== entries ||
    integerAt(source, view, 24, start + 24) !== payload
  ) {
    source.refuse(start + 12, "the totals differ from the index")
  }
  const checksum = crc32(index, crc32(header.checked))
  if (checksum !== handle.checksum || blocks.length !== handle.blocks) {
    const found = `the part has checksum ${hex32(checksum)} and ${blocks.length} blocks`
    source.refuse(indexOffset, `${found}, the manifest says ${hex32(handle.checksum)} and ${handle.blocks}`)
  }
  return blocks
}

/** Blocks stand side by side from the header to the index: every byte belongs to one. */
function parseIndex(source: PartSource, index: Uint8Array, indexOffset: number, firstOffset: number): PlacedBlock[] {
  const blocks: PlacedBlock[] = []
  const view = viewOf(index)
  let expectedOffset = firstOffset
  for (let at = 0; at < index.length; ) {
    const place = indexOffset + at
    const headStart = at + INDEX_OFFSET_BYTES
    if (headStart + HEAD_FIXED_BYTES > index.length) source.refuse(place, "the index ends within an entry")
    const operatorBytes = view.getUint16(headStart + 2, true)
    const tableBytes = view.getUint16(headStart + 4, true)
    const namesStart = headStart + HEAD_FIXED_BYTES
    const end = namesStart + operatorBytes + tableBytes
    if (end > index.length) source.refuse(place, "the index ends within an entry")
    const offset = integerAt(source, view, at, place)
    const kind = BLOCK_KINDS[view.getUint8(headStart) - 1]
    const bytes = view.getUint32(headStart + 16, true)
    if (offset !== expectedOffset)
      source.refuse(place, `a block is said to begin at ${offset}, not at ${expectedOffset}`)
    if (kind === undefined) source.refuse(place, `a block is of the unknown kind ${view.getUint8(headStart)}`)
    if (bytes > MAX_BLOCK_BYTES) source.refuse(place, `a block says it has ${bytes} bytes`)
    if (view.getUint8(headStart + 1) !== 0 || view.getUint16(headStart + 6, true) !== 0) {
      source.refuse(place, "reserved bytes are set")
    }
    const keyGroup = view.getUint32(headStart + 8, true)
    const operatorEnd = namesStart + operatorBytes
    const info: BlockInfo = {
      kind,
      operatorId: textOf(source, index.subarray(namesStart, operatorEnd), indexOffset + namesStart),
      table: textOf(source, index.subarray(operatorEnd, end), indexOffset + operatorEnd),
      keyGroup: keyGroup === NO_KEY_GROUP ? undefined : keyGroup,
      entries: view.getUint32(headStart + 12, true),
      bytes,
    }
    const checksum = view.getUint32(headStart + 20, true)
    const block: PlacedBlock = { info, checksum, offset, head: index.subarray(headStart, end) }
    blocks.push(block)
    expectedOffset = payloadOffset(block) + bytes
    at = end
  }
  if (expectedOffset !== indexOffset) source.refuse(indexOffset, `the blocks end at ${expectedOffset}`)
  return blocks
}

function payloadOffset(block: PlacedBlock): number {
  return block.offset + block.head.length + CHECKSUM_BYTES
}

function isWanted(block: BlockInfo, { operatorId, table, keyGroups }: BlockSelection): boolean {
  if (operatorId !== undefined && block.operatorId !== operatorId) return false
  if (table !== undefined && block.table !== table) return false
  if (keyGroups === undefined) return true
  return block.keyGroup !== undefined && block.keyGroup >= keyGroups.first && block.keyGroup <= keyGroups.last
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** @param byte where it stands in the file, for the message */
function integerAt(source: PartSource, view: DataView, at: number, byte: number): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) source.refuse(byte, `a number is ${value}`)
  return Number(value)
}

function textOf(source: PartSource, bytes: Uint8Array, byte: number): string {
  return decodeUtf8(bytes) ?? source.refuse(byte, "a name is no UTF-8")
}
