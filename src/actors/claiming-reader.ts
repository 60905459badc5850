import type { Position, SourceBatch } from "../contracts/index.ts"

/** What a reader is about to emit, of the split it reads: never to be emitted again. */
export interface PieceClaim {
  /** Behind what is claimed; undefined: nothing is, the split was empty. */
  readonly next: Position | undefined
  readonly done: boolean
}

/** Where batches come from: a SplitReader. */
export interface BatchReader<T> {
  poll(): SourceBatch<T> | undefined
  readonly ended: boolean
  close(): void
}

export interface ClaimingReaderOptions<T> {
  readonly reader: BatchReader<T>
  /** Resolves when the claim is durable. */
  claim(piece: PieceClaim): Promise<void>
  wake(): void
}

/** Batches that one claim is made for, at most. Twice as many may wait: on their way to be claimed, and claimed. */
const GROUP_BATCHES = 4

/**
 * A reader for at-most-once delivery: no batch is handed out before it is claimed. Reads on while a claim is on its way, so
 * that a fast source waits for the disk once in a few batches. A split ends when its end is claimed.
 */
export class ClaimingReader<T> implements BatchReader<T> {
  readonly #options: ClaimingReaderOptions<T>
  #read: SourceBatch<T>[] = []
  readonly #claimed: SourceBatch<T>[] = []
  #next: Position | undefined
  #claiming = false
  #endClaimed = false
  #failure: { readonly error: unknown } | undefined

  constructor(options: ClaimingReaderOptions<T>) {
    this.#options = options
  }

  poll(): SourceBatch<T> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error
    const batch = this.#claimed.shift()
    this.#readAhead()
    if (!this.#claiming) this.#claim()
    return batch
  }

  get ended(): boolean {
    return this.#endClaimed && this.#claimed.length === 0 && this.#failure === undefined
  }

  close(): void {
    this.#options.reader.close()
  }

  #readAhead(): void {
    while (this.#read.length < GROUP_BATCHES && this.#claimed.length < GROUP_BATCHES) {
      const batch = this.#options.reader.poll()
      if (batch === undefined) return
      this.#read.push(batch)
    }
  }

  #claim(): void {
    const { reader, claim, wake } = this.#options
    const group = this.#read
    const done = reader.ended
    if (this.#endClaimed || (group.length === 0 && !done)) return
    this.#read = []
    this.#next = group.at(-1)?.next ?? this.#next
    this.#claiming = true
    claim({ next: this.#next, done }).then(
      () => {
        this.#claiming = false
        this.#claimed.push(...group)
        this.#endClaimed = done
        wake()
      },
      (error: unknown) => {
        this.#failure = { error }
        wake()
      },
    )
  }
}
