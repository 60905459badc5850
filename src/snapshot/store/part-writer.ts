import { EngineError, invariant } from "../../errors/index.ts"
import { partFileName } from "./_names.ts"
import { writeFailed } from "./_store-errors.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"
import type { Disk, DiskFile } from "./disk.ts"
import {
  BLOCK_KINDS,
  type BlockKind,
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
  type PartIdentity,
  TRAILER_BYTES,
  TRAILER_MAGIC,
} from "./part-file.ts"

export interface PartWriterOptions extends PartIdentity {
  readonly disk: Disk
  /** What `CheckpointStore.begin` answered for this checkpoint. */
  readonly directory: string
}

export interface BlockInput {
  readonly operatorId: string
  readonly table: string
  /** Undefined for state that belongs to no key group. */
  readonly keyGroup: number | undefined
  /** Entries in `bytes`, for the counts. */
  readonly entries: number
  /** Opaque to the store; at most MAX_BLOCK_BYTES. May be reused once the promise has resolved. */
  readonly bytes: Uint8Array
  /** Default `full`. */
  readonly kind?: BlockKind
}

const BUFFER_BYTES = 256 * 1024
/** Many parts are small: the buffer begins so and doubles. */
const FIRST_BUFFER_BYTES = 4 * 1024

/**
 * Writes one part, block after block. Small blocks leave together, in writes of 256 KiB. One call at a time.
 *
 * A call that fails closes and removes the file, and every later call is refused: what a failed write or sync left is
 * never trusted.
 *
 * @throws {EngineError} CHECKPOINT_WRITE_FAILED (retriable, with the next checkpoint) when the disk refuses;
 *   CHECKPOINT_BLOCK_INVALID for a block beyond the bounds of the format
 */
export class PartWriter {
  readonly file: string
  readonly #disk: Disk
  readonly #path: string
  readonly #handle: DiskFile
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES)
  #buffered = 0
  #offset = 0
  readonly #index: Uint8Array[] = []
  #indexBytes = 0
  #entries = 0
  #payloadBytes = 0
  /** Of the header and the index, without their own checksums. */
  #checksum = 0
  readonly #nameBytes = new Map<string, Uint8Array>()
  #phase: "open" | "busy" | "finished" | "failed" = "open"

  private constructor(disk: Disk, file: string, path: string, handle: DiskFile) {
    this.#disk = disk
    this.file = file
    this.#path = path
    this.#handle = handle
  }

  static async create(options: PartWriterOptions): Promise<PartWriter> {
    const { disk, directory } = options
    const file = partFileName(options)
    const path = `${directory}/${file}`
    let handle: DiskFile
    try {
      handle = await disk.open(path, "create")
    } catch (error) {
      throw writeFailed("create", path, error)
    }
    const writer = new PartWriter(disk, file, path, handle)
    await writer.#exclusive(() => writer.#writeHeader(options))
    return writer
  }

  /** Bytes of the part so far. */
  get bytes(): number {
    return this.#offset
  }

  append(block: BlockInput): Promise<void> {
    return this.#exclusive(() => this.#append(block))
  }

  /** Writes index and trailer, fsyncs, closes. The name becomes durable when the store publishes. */
  async finish(): Promise<PartHandle> {
    return this.#exclusive(async () => {
      const indexOffset = this.#offset
      let indexChecksum = 0
      for (const entry of this.#index) {
        indexChecksum = crc32(entry, indexChecksum)
        this.#checksum = crc32(entry, this.#checksum)
        await this.#write(entry)
      }
      const trailer = new DataView(new ArrayBuffer(TRAILER_BYTES))
      trailer.setBigUint64(0, BigInt(indexOffset), true)
      trailer.setUint32(8, this.#indexBytes, true)
      trailer.setUint32(12, this.#index.length, true)
      trailer.setBigUint64(16, BigInt(this.#entries), true)
      trailer.setBigUint64(24, BigInt(this.#payloadBytes), true)
      trailer.setUint32(32, indexChecksum, true)
      trailer.setUint32(40, crc32(new Uint8Array(trailer.buffer, 0, 40)), true)
      trailer.setUint32(44, TRAILER_MAGIC, true)
      await this.#write(new Uint8Array(trailer.buffer))
      await this.#flush()
      await this.#handle.sync()
      await this.#handle.close()
      this.#phase = "finished"
      return { file: this.file, bytes: this.#offset, checksum: this.#checksum, blocks: this.#index.length }
    })
  }

  /** The checkpoint is off: closes and removes the file. Fine to call in any phase, also after `finish`. */
  async abort(): Promise<void> {
    if (this.#phase === "failed") return
    const wasOpen = this.#phase !== "finished"
    this.#phase = "failed"
    try {
      if (wasOpen) await this.#handle.close()
    } finally {
      await this.#disk.remove(this.#path)
    }
  }

  async #writeHeader({ jobName, checkpointId, attempt, vertexId, subtask }: PartIdentity): Promise<void> {
    invariant(Number.isSafeInteger(checkpointId) && checkpointId >= 0, `a part of checkpoint ${checkpointId}`)
    invariant(Number.isSafeInteger(attempt) && attempt >= 0, `a part of attempt ${attempt}`)
    invariant(Number.isInteger(subtask) && subtask >= 0 && subtask <= 0xffff_ffff, `a part of subtask ${subtask}`)
    const name = this.#nameOf("vertex id", vertexId)
    const bytes = new Uint8Array(HEADER_FIXED_BYTES + name.length + CHECKSUM_BYTES)
    const view = new DataView(bytes.buffer)
    bytes.set(PART_MAGIC)
    view.setUint16(8, PART_FORMAT_VERSION, true)
    view.setUint16(10, bytes.length, true)
    view.setUint32(12, jobHash(jobName), true)
    view.setBigUint64(16, BigInt(checkpointId), true)
    view.setBigUint64(24, BigInt(attempt), true)
    view.setUint32(32, subtask, true)
    view.setUint32(36, name.length, true)
    bytes.set(name, HEADER_FIXED_BYTES)
    this.#checksum = crc32(bytes.subarray(0, bytes.length - CHECKSUM_BYTES))
    view.setUint32(bytes.length - CHECKSUM_BYTES, this.#checksum, true)
    await this.#write(bytes)
  }

  async #append({ operatorId, table, keyGroup, entries, bytes, kind = "full" }: BlockInput): Promise<void> {
    const operatorName = this.#nameOf("operator id", operatorId)
    const tableName = this.#nameOf("table", table)
    const group = keyGroup ?? NO_KEY_GROUP
    invariant(Number.isInteger(group) && group >= 0 && group <= NO_KEY_GROUP, `a block of key group ${keyGroup}`)
    invariant(Number.isInteger(entries) && entries >= 0 && entries <= 0xffff_ffff, `a block of ${entries} entries`)
    if (bytes.length > MAX_BLOCK_BYTES) {
      throw blockInvalid(`a block of ${bytes.length} bytes`, `at most ${MAX_BLOCK_BYTES} are allowed, split it`)
    }
    const headBytes = HEAD_FIXED_BYTES + operatorName.length + tableName.length
    if (this.#indexBytes + INDEX_OFFSET_BYTES + headBytes > MAX_INDEX_BYTES) {
      throw blockInvalid(`block ${this.#index.length}`, `the index of the part is full, write larger blocks`)
    }
    // One array for both: the index entry is the offset followed by the head.
    const entry = new Uint8Array(INDEX_OFFSET_BYTES + headBytes)
    const view = new DataView(entry.buffer)
    view.setBigUint64(0, BigInt(this.#offset), true)
    view.setUint8(8, BLOCK_KINDS.indexOf(kind) + 1)
    view.setUint16(10, operatorName.length, true)
    view.setUint16(12, tableName.length, true)
    view.setUint32(16, group, true)
    view.setUint32(20, entries, true)
    view.setUint32(24, bytes.length, true)
    view.setUint32(28, crc32(bytes), true)
    entry.set(operatorName, INDEX_OFFSET_BYTES + HEAD_FIXED_BYTES)
    entry.set(tableName, INDEX_OFFSET_BYTES + HEAD_FIXED_BYTES + operatorName.length)
    const head = entry.subarray(INDEX_OFFSET_BYTES)
    await this.#write(head)
    await this.#write(littleEndian32(crc32(head)))
    await this.#write(bytes)
    this.#index.push(entry)
    this.#indexBytes += entry.length
    this.#entries += entries
    this.#payloadBytes += bytes.length
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length
    if (this.#buffered + bytes.length > BUFFER_BYTES) await this.#flush()
    if (bytes.length > BUFFER_BYTES) {
      await this.#handle.write(bytes)
      return
    }
    const needed = this.#buffered + bytes.length
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(BUFFER_BYTES, Math.max(needed, 2 * this.#buffer.length)))
      larger.set(this.#buffer.subarray(0, this.#buffered))
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#buffered)
    this.#buffered = needed
  }

  async #flush(): Promise<void> {
    if (this.#buffered > 0) await this.#handle.write(this.#buffer.subarray(0, this.#buffered))
    this.#buffered = 0
  }

  #nameOf(what: string, text: string): Uint8Array {
    const known = this.#nameBytes.get(text)
    if (known !== undefined) return known
    const bytes = encodeUtf8(text)
    // Half a surrogate pair has no bytes in UTF-8: it would come back as another name.
    if (bytes.length > MAX_NAME_BYTES || decodeUtf8(bytes) !== text) {
      throw blockInvalid(
        `the ${what} ${JSON.stringify(text.slice(0, 100))}`,
        `it must be at most ${MAX_NAME_BYTES} bytes of well-formed Unicode, rename it`,
      )
    }
    this.#nameBytes.set(text, bytes)
    return bytes
  }

  async #exclusive<T>(act: () => Promise<T>): Promise<T> {
    invariant(this.#phase === "open", `a part writer was used while it is ${this.#phase}`)
    this.#phase = "busy"
    try {
      const result = await act()
      if (this.#phase === "busy") this.#phase = "open"
      return result
    } catch (error) {
      throw await this.#fail(error)
    }
  }

  /**
   * The file is worth nothing any more. That it cannot even be removed is no second error: the store clears it away
   * later.
   */
  async #fail(error: unknown): Promise<EngineError> {
    const failure = writeFailed("write", this.#path, error)
    const [removed] = await Promise.allSettled([this.abort()])
    if (removed?.status === "fulfilled") return failure
    return new EngineError(failure.code, failure.message, {
      cause: failure.cause,
      retriable: failure.retriable,
      details: { ...failure.details, left: this.#path },
    })
  }
}

function littleEndian32(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24])
}

function blockInvalid(what: string, remedy: string): EngineError {
  return new EngineError("CHECKPOINT_BLOCK_INVALID", `Cannot save ${what} in a checkpoint: ${remedy}`)
}
