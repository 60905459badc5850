import { type FileHandle, open, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Committable } from "../../contracts/index.ts"
import type { Encoder } from "./_encoder.ts"
import { writeError } from "./_file-errors.ts"

/** A prepared part: file names within the sink's directory. */
export type PreparedPart = Committable & {
  readonly pending: string
  readonly final: string
  readonly records: number
  readonly bytes: number
}

export interface PartOptions<T> {
  readonly directory: string
  readonly pending: string
  readonly final: string
  readonly encoder: Encoder<T>
}

/** One part from its first record to its fsync. One write is under way at a time, while the next is gathered. */
export class Part<T> {
  readonly #options: PartOptions<T>
  #text = ""
  #records = 0
  #bytes = 0
  #handle: FileHandle | undefined
  #underWay: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(options: PartOptions<T>) {
    this.#options = options
  }

  get gatheredChars(): number {
    return this.#text.length
  }

  /** Handed to the disk. */
  get bytes(): number {
    return this.#bytes
  }

  append(value: T): void {
    const { encoder } = this.#options
    const line = encoder.encode(value)
    this.#text += this.#records === 0 ? encoder.header(value) + line : line
    this.#records++
  }

  /** Starts the write of what was gathered, after the one under way has ended. */
  async flush(): Promise<void> {
    await this.#settle()
    if (this.#text === "") return
    const bytes = Buffer.from(this.#text)
    this.#text = ""
    this.#handle ??= await this.#open()
    this.#bytes += bytes.length
    this.#underWay = this.#handle.writeFile(bytes).catch((thrown: unknown) => {
      this.#failure = { error: writeError(this.#path, thrown) }
    })
  }

  /** Writes the rest and makes all of it durable. Nothing is appended after that. */
  async seal(): Promise<PreparedPart> {
    await this.flush()
    await this.#settle()
    try {
      await this.#handle!.sync()
      await this.#handle!.close()
    } catch (thrown) {
      throw writeError(this.#path, thrown)
    }
    this.#handle = undefined
    const { pending, final } = this.#options
    return { pending, final, records: this.#records, bytes: this.#bytes }
  }

  /** Lets go of the file, and removes it when it is to be as if it had never been. */
  async close(remove: boolean): Promise<void> {
    await this.#underWay
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
    if (remove) await rm(this.#path, { force: true })
  }

  get #path(): string {
    return join(this.#options.directory, this.#options.pending)
  }

  /** Waits for the write under way. @throws what made it fail, now and ever after: the part has a hole */
  async #settle(): Promise<void> {
    await this.#underWay
    this.#underWay = undefined
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #open(): Promise<FileHandle> {
    try {
      // wx: a file of this name would belong to another writer of the same run, and must not be written over.
      return await open(this.#path, "wx")
    } catch (thrown) {
      throw writeError(this.#path, thrown)
    }
  }
}
