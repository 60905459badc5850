import type { EntrySink, StateTable, TableCapture, TableEntry } from "../state/index.ts"
import { type EntryBatch, newEntryBatch } from "./entry-block.ts"
import { gather, TableBlocks, type TableBlocksOptions } from "./table-blocks.ts"

export interface TableWritingOptions extends TableBlocksOptions {
  /** In ms. May stand still: then a step takes as many entries as it may. */
  now(): number
}

/** Entries looked at per step: a counter takes 0.3 us, a session 8, a large window a millisecond. */
const FIRST_ENTRIES = 16
const MAX_ENTRIES = 512
/** A step that takes longer is followed by one of fewer entries, one that takes less by one of more. */
const LONG_MS = 1
const SHORT_MS = 0.5
/** A step ends early that has gathered for so long: what was learned was the pace of compiled code, which may be gone, and of other values. */
const GATHER_MS = 0.5

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

  /** Hands over some more entries, for half a millisecond or so. @returns true when the capture is written @throws what `TableCapture.write` does */
  step(): boolean {
    const startMs = this.#options.now()
    const complete = this.#hand(this.#perStep, startMs)
    const tookMs = this.#options.now() - startMs
    if (tookMs > LONG_MS) this.#perStep = Math.max(1, this.#perStep >> 1)
    else if (tookMs < SHORT_MS) this.#perStep = Math.min(MAX_ENTRIES, 2 * this.#perStep)
    if (complete) entriesPerStep.set(this.#options.table, this.#perStep)
    return complete
  }

  #hand(budget: number, startMs: number): boolean {
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
      } while (!complete && taken < budget && this.#options.now() - startMs < GATHER_MS)
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
