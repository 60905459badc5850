import type { Operator, Output } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"

interface Cursor<Out> {
  readonly iterator: Iterator<Out>
  readonly timeMs: number
}

/**
 * Hands on everything in the iterable that `fn` returns, in order, at the record's time.
 *
 * - It draws from an iterable only while there is room downstream, so one of a million records, or one that computes its
 *   records as it goes (a generator), is never held in memory.
 * - What comes while an iterable is pending waits its turn behind it. `close` ends iterables that were not used up.
 */
export class FlatMapOperator<In, Out> implements Operator<In, Out> {
  readonly #fn: (value: In) => Iterable<Out>
  /** Iterables not used up, oldest first. Holds more than one only when a sender overshoots its bound. */
  readonly #cursors: Cursor<Out>[] = []

  constructor(options: { readonly fn: (value: In) => Iterable<Out> }) {
    this.#fn = options.fn
  }

  get pending(): boolean {
    return this.#cursors.length > 0
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    const iterable = this.#fn(value)
    if (iterable === null || iterable === undefined || typeof iterable[Symbol.iterator] !== "function") {
      throw notIterable(iterable)
    }
    if (Array.isArray(iterable) && this.#cursors.length === 0) {
      this.#emitArray(iterable, timeMs, out)
      return
    }
    this.#cursors.push({ iterator: iterable[Symbol.iterator](), timeMs })
    if (this.#cursors.length === 1) this.resume(out)
  }

  resume(out: Output<Out>): void {
    const cursors = this.#cursors
    while (cursors.length > 0) {
      const { iterator, timeMs } = cursors[0]!
      for (;;) {
        if (out.full) return
        const next = iterator.next()
        if (next.done === true) break
        out.emit(next.value, timeMs)
      }
      cursors.shift()
    }
  }

  /** Lets iterables that were not used up clean up. One that fails in that does not keep the others from it. */
  close(): void {
    const cursor = this.#cursors.shift()
    if (cursor === undefined) return
    try {
      cursor.iterator.return?.()
    } finally {
      this.close()
    }
  }

  /** The common case, a short array that fits, without an iterator. */
  #emitArray(array: readonly Out[], timeMs: number, out: Output<Out>): void {
    for (let index = 0; index < array.length; index++) {
      if (out.full) {
        this.#cursors.push({ iterator: iterateFrom(array, index), timeMs })
        return
      }
      out.emit(array[index]!, timeMs)
    }
  }
}

function* iterateFrom<T>(array: readonly T[], first: number): Generator<T> {
  for (let index = first; index < array.length; index++) yield array[index]!
}

function notIterable(given: unknown): EngineError {
  return new EngineError(
    "FLAT_MAP_NOT_ITERABLE",
    `Cannot flatten ${describe(given)}: the function of flatMap must return an array or another iterable for every record; ` +
      "return [] for none, or use map for exactly one",
    { details: { given: describe(given) } },
  )
}
