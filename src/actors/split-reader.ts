import type { SourceBatch } from "../contracts/index.ts"

/** Batches read ahead of the subtask: enough to overlap reading and processing, little enough to bound memory. */
const READ_AHEAD = 2

/**
 * Reads one split for a subtask that never waits: a plain iterable is advanced when asked; an async one is read ahead,
 * at most two batches, and `wake` is called when something arrives.
 */
export class SplitReader<T> {
  readonly #sync: Iterator<SourceBatch<T>> | undefined
  readonly #async: AsyncIterator<SourceBatch<T>> | undefined
  readonly #wake: () => void
  readonly #ahead: SourceBatch<T>[] = []
  #reading = false
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #closed = false

  constructor(batches: Iterable<SourceBatch<T>> | AsyncIterable<SourceBatch<T>>, wake: () => void) {
    this.#wake = wake
    if (Symbol.asyncIterator in batches) {
      this.#async = batches[Symbol.asyncIterator]()
      this.#readAhead()
    } else {
      this.#sync = batches[Symbol.iterator]()
    }
  }

  /** The next batch; undefined when none is there yet, or none will be (`ended`). @throws what the source threw */
  poll(): SourceBatch<T> | undefined {
    if (this.#sync !== undefined) {
      if (this.#ended) return undefined
      const step = this.#sync.next()
      if (step.done === true) {
        this.#ended = true
        return undefined
      }
      return step.value
    }
    const batch = this.#ahead.shift()
    if (batch === undefined && this.#failure !== undefined) throw this.#failure.error
    this.#readAhead()
    return batch
  }

  /** True once the split is exhausted and every batch has been polled. */
  get ended(): boolean {
    return this.#ended && this.#ahead.length === 0 && this.#failure === undefined
  }

  /** Ends reading early. What the source's `finally` blocks throw now is of no consequence to the job any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const ended = this.#ended || this.#failure !== undefined
    this.#ended = true
    this.#ahead.length = 0
    if (ended) return
    this.#sync?.return?.()
    this.#async?.return?.().then(undefined, () => undefined)
  }

  #readAhead(): void {
    if (this.#reading || this.#ended || this.#failure !== undefined || this.#ahead.length >= READ_AHEAD) return
    this.#reading = true
    this.#async!.next().then(
      (step) => {
        this.#reading = false
        if (this.#closed) return
        if (step.done === true) this.#ended = true
        else this.#ahead.push(step.value)
        this.#readAhead()
        this.#wake()
      },
      (error: unknown) => {
        this.#reading = false
        if (this.#closed) return
        this.#failure = { error }
        this.#wake()
      },
    )
  }
}
