import { OUT_OF_ORDER_MS, WINDOW_MS } from "./lines.ts"

/** A word's count so far, or in a window. */
export interface WordCount {
  readonly word: string
  readonly count: number
  /** Of the window; 0 where there are none. */
  readonly start: number
}

/** Counts words in windows of a second, which fire when all words up to their end have come. What none of the peers has of its own. */
export class SecondCounts {
  readonly #emit: (row: WordCount) => void
  readonly #windows = new Map<number, Map<string, number>>()
  #firedTo = Number.NEGATIVE_INFINITY
  newestMs = Number.NEGATIVE_INFINITY

  constructor(emit: (row: WordCount) => void) {
    this.#emit = emit
  }

  add(timeMs: number, word: string): void {
    const start = timeMs - (timeMs % WINDOW_MS)
    if (start < this.#firedTo) throw new Error(`a word of ${timeMs} came late`)
    let window = this.#windows.get(start)
    if (window === undefined) {
      window = new Map()
      this.#windows.set(start, window)
    }
    window.set(word, (window.get(word) ?? 0) + 1)
  }

  /** A word of this time was seen: fires what can be over. */
  observe(timeMs: number): void {
    if (timeMs <= this.newestMs) return
    this.newestMs = timeMs
    this.fire(timeMs - OUT_OF_ORDER_MS)
  }

  /** Fires the windows that end by then. */
  fire(upTo: number): void {
    if (upTo < this.#firedTo + WINDOW_MS) return
    for (const start of [...this.#windows.keys()].sort((a, b) => a - b)) {
      if (start + WINDOW_MS > upTo) break
      for (const [word, count] of this.#windows.get(start)!) this.#emit({ word, count, start })
      this.#windows.delete(start)
    }
    this.#firedTo = upTo - (upTo % WINDOW_MS)
  }
}
