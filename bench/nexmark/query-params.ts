import type { SourceOptions } from "millrace"
import { Corpus } from "./corpus.ts"
import { RunNotes } from "./run-notes.ts"

/** What every query takes. */
export const NEXMARK = {
  /** A corpus. */
  corpus: new SharedArrayBuffer(0),
  /** Where the run writes down how it went. */
  notes: new SharedArrayBuffer(RunNotes.BYTES),
  /** Whether rows are collected as lines, in place of being added up. */
  collect: false,
}

export type NexmarkParams = typeof NEXMARK

/** The time of bids, and how much out of order they come. */
export function bidTime({ corpus }: NexmarkParams): SourceOptions<{ readonly dateTime: number }> {
  const outOfOrder = corpus.byteLength === 0 ? 0 : new Corpus(corpus).disorderMs
  return { time: (bid) => bid.dateTime, outOfOrder }
}
