import { createReadStream } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import { EngineError } from "../../errors/index.ts"
import { readError } from "./_file-errors.ts"

/** One file as the enumerator found it. `sizeBytes` is the size on disk. */
export interface FileFacts {
  readonly path: string
  readonly sizeBytes: number
  readonly gzip: boolean
}

/** Where bytes come from: reads some into `target` from `at` on, at most `length`; 0 at the end. */
interface ByteInput {
  read(target: Buffer, at: number, length: number): Promise<number>
  close(): Promise<void>
}

/**
 * The bytes of one file from an offset on, as a window that is filled at its end and consumed from its front.
 *
 * - Offsets count decompressed bytes, so a position means the same for `a.ndjson` and `a.ndjson.gz`.
 * - The window doubles when it is full and nothing was consumed: a long line costs linear time.
 * - `bytes` is valid until the next `fill`.
 */
export class ByteFeed {
  readonly #path: string
  readonly #gzip: boolean
  readonly #input: ByteInput
  readonly #chunkBytes: number
  #buffer: Buffer
  #from = 0
  #to = 0
  #offset: number
  #ended = false

  private constructor(file: FileFacts, input: ByteInput, offset: number, chunkBytes: number) {
    this.#path = file.path
    this.#gzip = file.gzip
    this.#input = input
    this.#offset = offset
    this.#chunkBytes = chunkBytes
    this.#buffer = Buffer.allocUnsafe(chunkBytes)
  }

  /** @throws {EngineError} SOURCE_FILE_MISSING, SOURCE_FILE_UNREADABLE, SOURCE_FILE_CHANGED (shorter than when it was listed) */
  static async open(file: FileFacts, offset: number, chunkBytes: number): Promise<ByteFeed> {
    if (!file.gzip) return new ByteFeed(file, await openPlain(file, offset), offset, chunkBytes)
    const feed = new ByteFeed(file, openGzip(file.path, chunkBytes), 0, chunkBytes)
    try {
      while (feed.offset < offset && !feed.ended) {
        await feed.fill()
        feed.consume(Math.min(feed.bytes.length, offset - feed.offset))
      }
    } catch (thrown) {
      await feed.close()
      throw thrown
    }
    return feed
  }

  /** What was read and not yet consumed. */
  get bytes(): Buffer {
    return this.#buffer.subarray(this.#from, this.#to)
  }

  /** Offset in the file of the first of `bytes`. */
  get offset(): number {
    return this.#offset
  }

  /** True when nothing follows `bytes`. */
  get ended(): boolean {
    return this.#ended
  }

  consume(count: number): void {
    this.#from += count
    this.#offset += count
  }

  /** Appends at least one byte to the window, or sets `ended`. */
  async fill(): Promise<void> {
    if (this.#ended) return
    this.#makeRoom()
    const length = Math.min(this.#chunkBytes, this.#buffer.length - this.#to)
    let count: number
    try {
      count = await this.#input.read(this.#buffer, this.#to, length)
    } catch (thrown) {
      throw readError(
        this.#path,
        thrown,
        ` at byte ${this.#offset + this.#to - this.#from}${this.#gzip ? " (decompressed)" : ""}`,
      )
    }
    if (count === 0) this.#ended = true
    this.#to += count
  }

  close(): Promise<void> {
    return this.#input.close()
  }

  #makeRoom(): void {
    const length = this.#to - this.#from
    if (length === 0) {
      this.#from = 0
      this.#to = 0
      return
    }
    if (this.#to < this.#buffer.length) return
    // Moving less than half of the window to its front is paid for by the bytes that were consumed since the last move.
    const target = length > this.#buffer.length / 2 ? Buffer.allocUnsafe(this.#buffer.length * 2) : this.#buffer
    this.#buffer.copy(target, 0, this.#from, this.#to)
    this.#buffer = target
    this.#from = 0
    this.#to = length
  }
}

async function openPlain(file: FileFacts, offset: number): Promise<ByteInput> {
  let handle: FileHandle
  try {
    handle = await open(file.path, "r")
  } catch (thrown) {
    throw readError(file.path, thrown)
  }
  try {
    const { size } = await handle.stat()
    if (size < file.sizeBytes) {
      throw new EngineError(
        "SOURCE_FILE_CHANGED",
        `Cannot read ${file.path}: it has ${size} bytes and had ${file.sizeBytes} when the job listed it; let nothing rewrite input while a job reads it, then start the job anew`,
        { details: { path: file.path, sizeBytes: size, listedBytes: file.sizeBytes } },
      )
    }
  } catch (thrown) {
    await handle.close()
    throw readError(file.path, thrown)
  }
  let position = offset
  return {
    async read(target, at, length) {
      const { bytesRead } = await handle.read(target, at, length, position)
      position += bytesRead
      return bytesRead
    },
    close: () => handle.close(),
  }
}

function openGzip(path: string, chunkBytes: number): ByteInput {
  const gunzip = createGunzip({ chunkSize: Math.max(chunkBytes, 64 * 1024) })
  // Errors of either stream reach the iteration below: the callback only keeps them from being thrown a second time.
  pipeline(createReadStream(path, { highWaterMark: chunkBytes }), gunzip, () => undefined)
  const chunks = gunzip[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  let rest: Buffer = Buffer.alloc(0)
  return {
    async read(target, at, length) {
      while (rest.length === 0) {
        const next = await chunks.next()
        if (next.done === true) return 0
        rest = next.value
      }
      const count = rest.copy(target, at, 0, Math.min(length, rest.length))
      rest = rest.subarray(count)
      return count
    },
    async close() {
      await chunks.return?.()
      gunzip.destroy()
    },
  }
}
