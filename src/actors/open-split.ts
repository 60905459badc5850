import type { Position, SourceBatch, Split } from "../contracts/index.ts"
import type { IdleClock } from "../time/index.ts"
import type { Chain } from "./chain.ts"
import type { BatchReader } from "./claiming-reader.ts"
import type { SplitProgress } from "./split-coordinator.ts"
import type { SplitStamping } from "./stamping.ts"

export interface OpenSplitOptions {
  /** Where reading began, or went on. */
  readonly progress: SplitProgress
  readonly reader: BatchReader<unknown>
  readonly stamping: SplitStamping
  readonly idleClock: IdleClock
}

/** A split while it is read: its batches, the place in them, its watermark, and how long nothing has come of it. */
export class OpenSplit {
  readonly split: Split
  readonly stamping: SplitStamping
  readonly idleClock: IdleClock
  /** Since `beginStep` it was asked in vain; or something came. */
  #dry = false
  #came = false
  /** Undefined once closed. */
  #reader: BatchReader<unknown> | undefined
  #batch: SourceBatch<unknown> | undefined
  /** The next record of the batch. */
  #next = 0
  /** Where the batch began, or the next one does. */
  #from: Position | undefined
  #skip: number

  constructor({ progress, reader, stamping, idleClock }: OpenSplitOptions) {
    this.split = progress.split
    this.#from = progress.from
    this.#skip = progress.skip
    this.#reader = reader
    this.stamping = stamping
    this.idleClock = idleClock
  }

  /** Nothing follows. */
  get ended(): boolean {
    return this.#batch === undefined && (this.#reader?.ended ?? true)
  }

  /** Part of a batch waits. */
  get hasRecords(): boolean {
    return this.#batch !== undefined
  }

  beginStep(): void {
    this.#dry = false
    this.#came = false
  }

  /** It was asked in this step, and had nothing. */
  get quiet(): boolean {
    return this.#dry && !this.#came
  }

  /** Takes the next batch, if there is none in hand. @returns whether there is something to emit */
  poll(): boolean {
    while (this.#batch === undefined) {
      const batch = this.#reader?.poll()
      this.#dry = batch === undefined
      if (batch === undefined) return false
      if (this.#skip >= batch.values.length) {
        // A restored split goes on behind records that were emitted before; batches need not be cut as they were then.
        this.#skip -= batch.values.length
        this.#from = batch.next
        continue
      }
      this.#batch = batch
      this.#next = this.#skip
      this.#skip = 0
    }
    return true
  }

  /** Hands on up to `budget` records of the batch in hand. @returns how many */
  emit(chain: Chain, budget: number): number {
    const { values, next } = this.#batch!
    this.#came = true
    const from = this.#next
    const index = this.stamping.emit(chain, values, from, Math.min(values.length, from + budget))
    this.#next = index
    if (index === values.length) {
      this.#from = next
      this.#batch = undefined
    }
    return index - from
  }

  /** For messages: record `index` of the batch in hand. */
  placeOf(index: number): string {
    const behind = this.#from === undefined ? "its beginning" : `position ${JSON.stringify(this.#from)}`
    return `split "${this.split.id}", record ${index + 1} behind ${behind}`
  }

  progress(): SplitProgress {
    return {
      split: this.split,
      from: this.#from,
      skip: this.#batch === undefined ? this.#skip : this.#next,
      ...this.stamping.capture(),
    }
  }

  /** Ends reading early. */
  close(): void {
    this.#reader?.close()
    this.#reader = undefined
    this.#batch = undefined
  }
}
