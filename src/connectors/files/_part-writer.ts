import { type FileHandle, open, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Committable, SinkWriter } from "../../contracts/index.ts"
import type { Encoder } from "./_encoder.ts"
import { writeError } from "./_file-errors.ts"
import type { PartNames } from "./_part-names.ts"

export interface PartWriterOptions {
  readonly directory: string
  readonly subtask: number
  readonly names: PartNames
  readonly rollBytes: number
}

/** A prepared part: file names within the sink's directory. */
export type PreparedPart = Committable & {
  readonly pending: string
  readonly final: string
  readonly records: number
  readonly bytes: number
}

interface OpenPart {
  readonly handle: FileHandle
  readonly pending: string
  readonly final: string
  bytes: number
}

/** Characters gathered before they are written: about 128 KiB, and twice that while a write is under way. */
const BUFFERED_CHARS = 128 * 1024

/**
 * Writes the records of one subtask to hidden parts.
 *
 * - One write is under way at a time, while the next is gathered; the promise of `write` is the backpressure.
 * - A part is closed when it has grown to `rollBytes` and at every `prepareCommit`; closed means fsynced.
 * - Nothing is visible before the committer renames it.
 */
export class PartWriter<T> implements SinkWriter<T> {
  readonly #options: PartWriterOptions
  readonly #encoder: Encoder<T>
  #sequence: number
  #text = ""
  /** Records of the current part, those in `#text` included. */
  #records = 0
  #part: OpenPart | undefined
  #underWay: Promise<void> | undefined
  #failure: unknown
  #prepared: PreparedPart[] = []

  private constructor(options: PartWriterOptions, encoder: Encoder<T>, sequence: number) {
    this.#options = options
    this.#encoder = encoder
    this.#sequence = sequence
  }

  /** Numbers go on after those this run has used for the subtask, so that a restored run overwrites none of its parts. */
  static async open<T>(options: PartWriterOptions, encoder: Encoder<T>): Promise<PartWriter<T>> {
    const { directory, names, subtask } = options
    let sequence = 0
    try {
      for (const name of await readdir(directory)) {
        const part = names.parse(name)
        if (part?.tag === names.tag && part.subtask === subtask) sequence = Math.max(sequence, part.sequence + 1)
      }
    } catch (thrown) {
      throw writeError(directory, thrown)
    }
    return new PartWriter(options, encoder, sequence)
  }

  write(values: T[]): void | Promise<void> {
    const taken = this.#gather(values, 0)
    if (this.#text.length >= BUFFERED_CHARS) return this.#writeFrom(values, taken)
  }

  async prepareCommit(): Promise<readonly PreparedPart[]> {
    await this.#flush()
    await this.#seal()
    const prepared = this.#prepared
    this.#prepared = []
    return prepared
  }

  /** After a failure removes what no checkpoint knows of. Parts handed out by `prepareCommit` are left to commit or abort. */
  async close(failed: boolean): Promise<void> {
    await this.#underWay
    const part = this.#part
    this.#part = undefined
    this.#text = ""
    if (part !== undefined) await part.handle.close()
    if (!failed) return
    const { directory } = this.#options
    const leftovers = [...this.#prepared, ...(part === undefined ? [] : [part])]
    this.#prepared = []
    for (const { pending } of leftovers) await rm(join(directory, pending), { force: true })
  }

  /** @returns how many of `values` have been taken: all, or as many as fill the buffer */
  #gather(values: T[], from: number): number {
    let index = from
    while (index < values.length && this.#text.length < BUFFERED_CHARS) {
      const value = values[index]!
      const line = this.#encoder.encode(value)
      this.#text += this.#records === 0 ? this.#encoder.header(value) + line : line
      this.#records++
      index++
    }
    return index
  }

  async #writeFrom(values: T[], from: number): Promise<void> {
    let taken = from
    for (;;) {
      if (this.#text.length >= BUFFERED_CHARS) await this.#flush()
      if (taken === values.length) return
      taken = this.#gather(values, taken)
    }
  }

  /** Starts the write of what was gathered, after the one under way has ended. */
  async #flush(): Promise<void> {
    await this.#settle()
    if (this.#text === "") return
    const bytes = Buffer.from(this.#text)
    this.#text = ""
    this.#part ??= await this.#openPart()
    const part = this.#part
    part.bytes += bytes.length
    this.#underWay = part.handle.writeFile(bytes).catch((thrown: unknown) => {
      this.#failure = writeError(join(this.#options.directory, part.pending), thrown)
    })
    if (part.bytes >= this.#options.rollBytes) await this.#seal()
  }

  /** Waits for the write under way. @throws what made it fail, now and ever after: the part has a hole */
  async #settle(): Promise<void> {
    await this.#underWay
    this.#underWay = undefined
    if (this.#failure !== undefined) throw this.#failure
  }

  async #openPart(): Promise<OpenPart> {
    const { directory, names, subtask } = this.#options
    const sequence = this.#sequence++
    const pending = names.pending(subtask, sequence)
    try {
      // wx: a file of this name would belong to another writer of the same run, and must not be written over.
      const handle = await open(join(directory, pending), "wx")
      return { handle, pending, final: names.final(subtask, sequence), bytes: 0 }
    } catch (thrown) {
      throw writeError(join(directory, pending), thrown)
    }
  }

  async #seal(): Promise<void> {
    await this.#settle()
    const part = this.#part
    if (part === undefined) return
    try {
      await part.handle.sync()
      await part.handle.close()
    } catch (thrown) {
      throw writeError(join(this.#options.directory, part.pending), thrown)
    }
    this.#prepared.push({ pending: part.pending, final: part.final, records: this.#records, bytes: part.bytes })
    this.#part = undefined
    this.#records = 0
  }
}
