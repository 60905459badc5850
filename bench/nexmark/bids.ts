import type { Source, SourceBatch, Split } from "millrace"
import { Corpus } from "./corpus.ts"
import { BidCursor } from "./cursor.ts"
import type { NexmarkParams } from "./query-params.ts"
import { RunNotes } from "./run-notes.ts"

/** Blocks that a reader takes at a time, when there are several. */
const BLOCKS_PER_SPLIT = 4
const BATCH_BIDS = 1_024

/**
 * The bids of a corpus: what `read` makes of each. It is handed a cursor, so that only the fields it asks for are decoded.
 * Blocks are one sequence in time, and several readers share them; a position is the offset of the next event.
 */
export function bids<T>({ corpus: buffer, notes }: NexmarkParams, read: (bid: BidCursor) => T): Source<T> {
  return {
    label: "nexmark bids",
    bounded: true,
    splitsInOrder: true,
    splits({ parallelism }) {
      if (buffer.byteLength === 0) return []
      const corpus = new Corpus(buffer)
      const step = parallelism === 1 ? corpus.blocks : BLOCKS_PER_SPLIT
      return Array.from({ length: Math.ceil(corpus.blocks / step) }, (_, index): Split => {
        const first = index * step
        const from = corpus.offsetOf(first)
        return { id: `bids@${from}`, data: { from, to: corpus.offsetOf(Math.min(corpus.blocks, first + step)) } }
      })
    },
    read(split, position, { signal }) {
      new RunNotes(notes).begin()
      const { from, to } = split.data as { from: number; to: number }
      return batches(new BidCursor(buffer, typeof position === "number" ? position : from, to), read, signal)
    },
  }
}

function* batches<T>(
  bid: BidCursor,
  read: (bid: BidCursor) => T,
  signal: AbortSignal,
): Generator<SourceBatch<T>, void, undefined> {
  while (!signal.aborted) {
    const values: T[] = []
    while (values.length < BATCH_BIDS && bid.next()) values.push(read(bid))
    if (values.length === 0) return
    yield { values, next: bid.offset }
  }
}
