import type { ReadContext, SourceBatch } from "../../contracts/index.ts"

/**
 * Gathers the items of an async iterable into batches without waiting for more.
 *
 * - A batch is what resolved within one turn of the event loop after its first item, at most `maxItems`: a slow producer's
 *   single item goes on at the end of its turn, a fast producer's items travel together.
 * - Demand-driven: the producer is asked for an item only while a batch is wanted. At most one `next()` of it is pending,
 *   and an item that comes after its batch went out begins the next one.
 * - Ends at once when the signal is aborted: the producer's `return()` is called, never waited for, since an async
 *   generator answers it only after the `next()` that it is in.
 *
 * Written as an iterator, since an async generator's own `return()` could not interrupt its wait.
 */
export class AsyncBatches<T> implements AsyncIterableIterator<SourceBatch<T>> {
  readonly #iterator: AsyncIterator<T>
  readonly #maxItems: number
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => this.#end()
  /** Items still to be left out. */
  #skip: number
  /** Index of the item after the last one handed on. */
  #index: number
  #items: T[] = []
  #asking = false
  /** The producer has ended, by itself or by ours; what was gathered is still handed on, unless we ended it. */
  #exhausted = false
  #failure: { readonly error: unknown } | undefined
  #turnEnding = false
  #waiting:
    | { resolve(result: IteratorResult<SourceBatch<T>, undefined>): void; reject(error: unknown): void }
    | undefined

  constructor(items: AsyncIterable<T>, skip: number, maxItems: number, { signal }: Pick<ReadContext, "signal">) {
    this.#iterator = items[Symbol.asyncIterator]()
    this.#skip = skip
    this.#index = skip
    this.#maxItems = maxItems
    this.#signal = signal
    signal.addEventListener("abort", this.#onAbort, { once: true })
    if (signal.aborted) this.#end()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<SourceBatch<T>, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#advance()
    })
  }

  return(): Promise<IteratorResult<SourceBatch<T>, undefined>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Asks for more while a batch is wanted and has room, and sees to it that what there is goes out this turn. */
  #advance(): void {
    if (this.#waiting === undefined) return
    const isFull = this.#items.length >= this.#maxItems
    if (isFull || this.#exhausted || this.#failure !== undefined) {
      this.#deliver()
      return
    }
    if (this.#items.length > 0 && !this.#turnEnding) {
      this.#turnEnding = true
      // Runs after every promise that can resolve without the event loop has done so.
      setImmediate(() => {
        this.#turnEnding = false
        if (this.#waiting !== undefined && this.#items.length > 0) this.#deliver()
      })
    }
    this.#ask()
  }

  #ask(): void {
    if (this.#asking) return
    this.#asking = true
    let answer: Promise<IteratorResult<T>>
    try {
      // Hand-written iterators may answer without a promise, or throw.
      answer = Promise.resolve(this.#iterator.next())
    } catch (error) {
      answer = Promise.reject(error)
    }
    answer.then(
      (result) => {
        this.#asking = false
        if (result.done === true) this.#exhausted = true
        else if (this.#skip > 0) this.#skip--
        else this.#items.push(result.value)
        this.#advance()
      },
      (error: unknown) => {
        this.#asking = false
        this.#failure = { error }
        this.#advance()
      },
    )
  }

  /** Answers the waiting `next()`: first what was gathered, then a failure or the end. */
  #deliver(): void {
    const waiting = this.#waiting!
    this.#waiting = undefined
    if (this.#items.length > 0) {
      const values = this.#items
      this.#items = []
      this.#index += values.length
      waiting.resolve({ done: false, value: { values, next: this.#index } })
      return
    }
    this.#signal.removeEventListener("abort", this.#onAbort)
    if (this.#failure === undefined) waiting.resolve({ done: true, value: undefined })
    else waiting.reject(this.#failure.error)
  }

  #end(): void {
    this.#signal.removeEventListener("abort", this.#onAbort)
    if (this.#exhausted) return
    this.#exhausted = true
    this.#items = []
    // Its own clean-up may fail, or end long after this reader is gone: nobody is left to be told.
    Promise.resolve()
      .then(() => this.#iterator.return?.())
      .then(undefined, () => undefined)
    if (this.#waiting !== undefined) this.#deliver()
  }
}
