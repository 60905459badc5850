import { readdir } from "node:fs/promises"
import type { SinkWriter } from "../../contracts/index.ts"
import type { Encoder } from "./_encoder.ts"
import { writeError } from "./_file-errors.ts"
import { Part, type PreparedPart } from "./_part.ts"
import type { PartNames } from "./_part-names.ts"

export interface PartWriterOptions {
  readonly directory: string
  readonly subtask: number
  readonly names: PartNames
  readonly rollBytes: number
}

/** Characters gathered before they are written: about 128 KiB, and twice that while a write is under way. */
const BUFFERED_CHARS = 128 * 1024

/** A part that is being sealed, or is. */
interface Sealing<T> {
  readonly part: Part<T>
  readonly prepared: Promise<PreparedPart>
}

/**
 * Writes the records of one subtask to hidden parts.
 *
 * - One write is under way at a time, while the next is gathered; the promise of `write` is the backpressure.
 * - A part is sealed when it has grown to `rollBytes` and at every `prepareCommit`; sealed means fsynced. That happens in the
 *   background: what is written meanwhile goes into the next part. No more than one part is sealed while another is written.
 * - Nothing is visible before the committer renames it.
 */
export class PartWriter<T> implements SinkWriter<T> {
  readonly writesWhilePreparing = true
  readonly #options: PartWriterOptions
  readonly #encoder: Encoder<T>
  #sequence: number
  #part: Part<T> | undefined
  /** Sealed since the last `prepareCommit`. */
  #sealing: Sealing<T>[] = []
  /** A `prepareCommit` under way. Never rejects. */
  #preparing: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined

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
    if (this.#failure !== undefined) throw this.#failure.error
    const taken = this.#gather(values, 0)
    if (this.#isFull) return this.#writeFrom(values, taken)
  }

  prepareCommit(): Promise<readonly PreparedPart[]> {
    this.#seal()
    const sealing = this.#sealing
    this.#sealing = []
    const prepared = Promise.all(sealing.map((each) => each.prepared))
    this.#preparing = prepared.catch(() => undefined)
    return prepared
  }

  /** After a failure removes what no checkpoint knows of. Parts handed out by `prepareCommit` are left to commit or abort. */
  async close(failed: boolean): Promise<void> {
    await this.#preparing
    const leftovers = this.#sealing
    this.#sealing = []
    const part = this.#part
    this.#part = undefined
    await Promise.allSettled(leftovers.map(({ prepared }) => prepared))
    for (const each of [...leftovers.map((sealing) => sealing.part), ...(part === undefined ? [] : [part])]) {
      await each.close(failed)
    }
  }

  get #isFull(): boolean {
    return (this.#part?.gatheredChars ?? 0) >= BUFFERED_CHARS
  }

  /** @returns how many of `values` have been taken: all, or as many as fill the buffer */
  #gather(values: T[], from: number): number {
    let index = from
    while (index < values.length && !this.#isFull) {
      this.#part ??= this.#nextPart()
      this.#part.append(values[index]!)
      index++
    }
    return index
  }

  async #writeFrom(values: T[], from: number): Promise<void> {
    let taken = from
    for (;;) {
      if (this.#isFull) await this.#flush()
      if (taken === values.length) return
      taken = this.#gather(values, taken)
    }
  }

  async #flush(): Promise<void> {
    const part = this.#part!
    await part.flush()
    if (part.bytes < this.#options.rollBytes) return
    // The one before must be done: a disk that cannot keep up holds the writer back.
    await this.#sealing.at(-1)?.prepared
    this.#seal()
  }

  /** In the background; a failure fails whatever the writer is asked for next. */
  #seal(): void {
    const part = this.#part
    if (part === undefined) return
    this.#part = undefined
    const prepared = part.seal()
    prepared.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    this.#sealing.push({ part, prepared })
  }

  #nextPart(): Part<T> {
    const { directory, names, subtask } = this.#options
    const sequence = this.#sequence++
    return new Part({
      directory,
      pending: names.pending(subtask, sequence),
      final: names.final(subtask, sequence),
      encoder: this.#encoder,
    })
  }
}
