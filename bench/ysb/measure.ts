import { run } from "millrace"
import { RowFold } from "../nexmark/row.ts"
import { RunNotes } from "../nexmark/run-notes.ts"
import { jsonFile, parsedEvents } from "./ad-events.ts"
import { jsonTwin, parsedTwin } from "./twins.ts"
import { YSB } from "./ysb-params.ts"

export type Form = "json" | "parsed"

/** One run, in a process of its own. */
export interface MeasureOptions {
  readonly what: "engine" | "twin"
  readonly form: Form
  readonly events: number
  /** Of event time; of the clock, where latencies are measured. */
  readonly perSecond: number
  readonly workers: number
  /** Events come at their rate, for so long. */
  readonly pacedSeconds?: number
}

export interface Measured {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  /** Rows and their sum. */
  readonly result: string
  /** From the end of a window to each of its rows. */
  readonly latenciesMs: readonly number[]
}

export default async function measure(options: MeasureOptions): Promise<Measured> {
  const { what, form, workers, perSecond, pacedSeconds } = options
  const file = form === "json" ? jsonFile(options) : ""
  const parsed = form === "parsed" ? parsedEvents(options) : new SharedArrayBuffer(0)
  const notes = new SharedArrayBuffer(RunNotes.BYTES)
  const latencies = new SharedArrayBuffer(8 * 100_000)
  const noted = new RunNotes(notes)
  if (what === "engine") {
    const paced = pacedSeconds === undefined ? {} : { rate: perSecond, count: perSecond * pacedSeconds }
    const params = { ...YSB, file, parsed, notes, latencies, ...paced }
    const { metrics } = await (await run(new URL(`./${form}.ts`, import.meta.url), { workers, params })).done
    if (metrics.late > 0) throw new Error(`${metrics.late} records were late`)
  } else {
    const fold = new RowFold()
    noted.begin()
    if (form === "json") jsonTwin(file, fold)
    else parsedTwin(parsed, fold)
    noted.end(fold.end())
  }
  const { wallSeconds, cpuSeconds, result } = noted
  const found = new Float64Array(latencies)
  return { wallSeconds, cpuSeconds, result, latenciesMs: [...found.subarray(1, 1 + found[0]!)] }
}
