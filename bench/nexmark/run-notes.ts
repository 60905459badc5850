/**
 * What a run writes down for whoever measures it, in memory that all threads share: when the first record was read and the last one
 * written, how much processor time the process had used by then, and what its rows add up to.
 */
export class RunNotes {
  static readonly BYTES = 64
  readonly #times: Float64Array
  readonly #counts: Int32Array

  constructor(buffer: SharedArrayBuffer) {
    this.#times = new Float64Array(buffer, 0, 4)
    this.#counts = new Int32Array(buffer, 32, 3)
  }

  /** The first record is about to be read: only the first call counts. */
  begin(): void {
    if (Atomics.exchange(this.#counts, BEGUN, 1) === 0) this.#note(0)
  }

  /** Rows have been written, and no more will come from here: the last call counts. */
  end({ rows, fold }: { readonly rows: number; readonly fold: number }): void {
    Atomics.add(this.#counts, ROWS, rows)
    Atomics.add(this.#counts, FOLD, fold)
    this.#note(2)
  }

  /** From the first record read to the last one written. */
  get wallSeconds(): number {
    return (this.#times[2]! - this.#times[0]!) / 1e3
  }

  /** Of the whole process in that time, with all of its threads, compilers and collectors. */
  get cpuSeconds(): number {
    return (this.#times[3]! - this.#times[1]!) / 1e6
  }

  /** How many rows there are, and their sum, which does not depend on their order. */
  get result(): string {
    return `${this.#counts[ROWS]} rows, ${(this.#counts[FOLD]! >>> 0).toString(16)}`
  }

  get rows(): number {
    return this.#counts[ROWS]!
  }

  #note(at: number): void {
    const { user, system } = process.cpuUsage()
    // One clock for all threads: that of performance.now begins with its thread.
    this.#times[at] = Number(process.hrtime.bigint()) / 1e6
    this.#times[at + 1] = user + system
  }
}

const BEGUN = 0
const ROWS = 1
const FOLD = 2
