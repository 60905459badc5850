import { run } from "millrace"
import { bids } from "./bids.ts"
import { Corpus, cachedCorpus } from "./corpus.ts"
import { type BidCursor, BidCursor as Cursor } from "./cursor.ts"
import { TWINS } from "./queries/index.ts"
import { NEXMARK } from "./query-params.ts"
import { RowFold } from "./row.ts"
import { RunNotes } from "./run-notes.ts"

/** One run, in a process of its own. */
export interface MeasureOptions {
  /** `engine`: the pipeline; `twin`: the program written by hand; `source`: what the pipeline's source reads, and nothing else. */
  readonly what: "engine" | "twin" | "source"
  /** The query; of the source alone, "numbers" or "texts". */
  readonly query: string
  readonly events: number
  readonly workers: number
}

export interface Measured {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  /** Most memory that the process had, but for the corpus. */
  readonly peakBytes: number
  /** Rows and their sum. */
  readonly result: string
}

export default async function measure(options: MeasureOptions): Promise<Measured> {
  const buffer = cachedCorpus({ events: options.events })
  const notes = new SharedArrayBuffer(RunNotes.BYTES)
  const noted = new RunNotes(notes)
  if (options.what === "engine") await runEngine(options, buffer, notes)
  else if (options.what === "twin") runTwin(options.query, buffer, noted)
  else runSource(options.query, buffer, noted)
  const { wallSeconds, cpuSeconds, result } = noted
  // In KiB.
  const peakBytes = process.resourceUsage().maxRSS * 1_024 - buffer.byteLength
  return { wallSeconds, cpuSeconds, peakBytes, result }
}

async function runEngine({ query, workers }: MeasureOptions, corpus: SharedArrayBuffer, notes: SharedArrayBuffer) {
  const params = { ...NEXMARK, corpus, notes }
  const job = await run(new URL(`./queries/${query}.ts`, import.meta.url), { workers, params })
  const { metrics } = await job.done
  if (metrics.late > 0) throw new Error(`${query}: ${metrics.late} records were late`)
}

function runTwin(query: string, buffer: SharedArrayBuffer, notes: RunNotes): void {
  const corpus = new Corpus(buffer)
  const fold = new RowFold()
  notes.begin()
  TWINS[query]!(new Cursor(buffer, corpus.offsetOf(0), corpus.end), fold)
  notes.end(fold.end())
}

/** Reads as the queries do: four numbers, or the text as well. */
function runSource(fields: string, corpus: SharedArrayBuffer, notes: RunNotes): void {
  const numbers = ({ auction, bidder, price, dateTime }: BidCursor) => ({ auction, bidder, price, dateTime })
  const texts = ({ auction, bidder, price, dateTime, extra }: BidCursor) => ({
    auction,
    bidder,
    price,
    dateTime,
    extra,
  })
  const source = bids<object>({ ...NEXMARK, corpus }, fields === "texts" ? texts : numbers)
  const context = { signal: new AbortController().signal } as never
  notes.begin()
  let rows = 0
  for (const split of source.splits({ parallelism: 1 }) as readonly { id: string; data: unknown }[]) {
    for (const { values } of source.read(split, undefined, context) as Iterable<{ values: readonly object[] }>) {
      rows += values.length
    }
  }
  notes.end({ rows, fold: 0 })
}
