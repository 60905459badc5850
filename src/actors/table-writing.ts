import type { EntrySink, StateTable, TableCapture, TableEntry } from "../state/index.ts"
import { type EntryBatch, newEntryBatch } from "./entry-block.ts"
import { gather, TableBlocks, type TableBlocksOptions } from "./table-blocks.ts"

export interface TableWritingOptions extends TableBlocksOptions {
  /** In ms. May stand still: then a step takes as many entries as it may. */
  now(): number
}

/** Entries looked at in the first step: a counter takes 0.3 us, a session 8, a large window a millisecond. */
const FIRST_ENTRIES = 16
/**
 * How many entries a step looks at, at most, and when it stops to gather, which is about half of its time: what was learned was the
 * pace of compiled code, which may be gone, and of other values. A step that takes longer than twice that is followed by one of fewer
 * entries, one that takes less than that by one of more.
 *
 * Long ones, since records and captures drive each other's data out of the caches: everything of 1,000,000 keys between steps of 1,024
 * updates costs the thread a median of 1.8 s in steps of 512 entries, 0.7 s in steps of 4,096 (docs/design/005-incremental-checkpoints.md).
 */
const LONG_STEP = { entries: 4096, gatherMs: 2 }
/** Between two pieces of a burst of results, which may wait for no longer. */
const SHORT_STEP = { entries: 512, gatherMs: 0.5 }

/** Entries to look at in a step, and copied between two steps for one block. What was learned of a table stays for its next capture. */
const entriesPerStep = new WeakMap<StateTable, number>()

/**
 * The capture of one table on its way into blocks.
 *
 * Within a step entries are gathered and encoded at its end: nothing changes in between. Between two steps the table hands
 * over what a record is about to change: these entries are copied, which is cheap, and encoded together with the next step.
 * There are as many of them as records while a large capture is written.
 */
export class TableWriting implements EntrySink {
  readonly capture: TableCapture
  readonly #options: TableWritingOptions
  readonly #blocks: TableBlocks
  #perStep: number
  #stepping: EntryBatch | undefined

  constructor(options: TableWritingOptions) {
    this.#options = options
    this.#blocks = new TableBlocks(options)
    this.#perStep = entriesPerStep.get(options.table) ?? FIRST_ENTRIES
    this.capture = options.table.capture(options.kind, this)
  }

  /**
   * Hands over some more entries.
   * @param hasTime for milliseconds, and not for one at most
   * @returns true when the capture is written
   * @throws what `TableCapture.write` does
   */
  step(hasTime: boolean): boolean {
    const { entries, gatherMs } = hasTime ? LONG_STEP : SHORT_STEP
    const startMs = this.#options.now()
    const complete = this.#hand(Math.min(entries, this.#perStep), startMs + gatherMs)
    const tookMs = this.#options.now() - startMs
    if (tookMs > 2 * gatherMs) this.#perStep = Math.max(1, this.#perStep >> 1)
    else if (tookMs < gatherMs && this.#perStep < entries) this.#perStep *= 2
    if (complete) entriesPerStep.set(this.#options.table, this.#perStep)
    return complete
  }

  #hand(budget: number, untilMs: number): boolean {
    // First: of two entries of one place the one handed over first is a deletion, and must stand first.
    this.#blocks.addCopied()
    const batch = newEntryBatch()
    this.#stepping = batch
    let complete: boolean
    let taken = 0
    try {
      do {
        const next = Math.min(Math.max(1, taken), budget - taken)
        complete = this.capture.write(next)
        taken += next
      } while (!complete && taken < budget && this.#options.now() < untilMs)
    } finally {
      this.#stepping = undefined
    }
    this.#blocks.add(batch)
    return complete
  }

  put(entry: TableEntry): void {
    const blocks = this.#blocks
    if (this.#stepping !== undefined) gather(this.#stepping, entry, entry.value)
    else if (!blocks.copy(entry)) {
      blocks.addCopied()
      blocks.addOne(entry)
    } else if (blocks.copied >= this.#perStep) blocks.addCopied()
  }
}
