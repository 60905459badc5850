import type { Source } from "millrace"
import type { Row } from "../nexmark/row.ts"
import { RunNotes } from "../nexmark/run-notes.ts"
import type { Views } from "./ad-events.ts"

/** What both forms of the benchmark take. */
export const YSB = {
  /** A file of events as lines of JSON. */
  file: "",
  /** Events with nothing left to parse. */
  parsed: new SharedArrayBuffer(0),
  /** Events per second of the clock; 0 for as fast as it goes, with the times that the events have. */
  rate: 0,
  /** So many events, where there is a rate. */
  count: 0,
  notes: new SharedArrayBuffer(RunNotes.BYTES),
  /** Where there is a rate: how many rows came, and for each the ms from its window's end to its coming. */
  latencies: new SharedArrayBuffer(8),
  collect: false,
}

export type YsbParams = typeof YSB

export function writeViews({ campaign, start, views }: Views, row: Row): void {
  row.text(campaign).number(start).number(views)
}

/** The source, which notes when it is read for the first time. */
export function noted<T>(source: Source<T>, { notes }: YsbParams): Source<T> {
  const run = new RunNotes(notes)
  return {
    ...source,
    read(split, from, context) {
      run.begin()
      return source.read(split, from, context)
    },
  }
}

/** Epoch ms, finer than Date.now. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now()
}
