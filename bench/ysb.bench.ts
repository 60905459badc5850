/**
 * Question: what does an event of the Yahoo streaming benchmark cost, with its JSON and without; and how long after a window's
 * end are its counts there?
 * Topology: events -> views -> projected -> campaign looked up -> views of each of 100 campaigns in 10 s. The JSON form reads a file of
 * lines of 240 bytes, the other 16 bytes an event from memory. 50 windows; one worker, and two with everything in two; every run in
 * a process of its own, measured from the first record read to the last row written, with the processor time of all threads.
 * Latency: 100,000 events a second, each with the time of its planned instant, whether it comes in time or not; from the end of
 * a window to the coming of each of its rows. One worker, two windows of 10 s.
 * Baseline: loops written by hand over the same bytes, on one thread.
 * Every window is compared with a recount of the events, before anything is measured and, as a sum, in each run. Bounds: none.
 */
import { run } from "millrace"
import { alternate, type Bench, type BenchContext, check, ratios } from "./bench.ts"
import { inChild } from "./in-child.ts"
import { RowFold } from "./nexmark/row.ts"
import { type AdEventsOptions, jsonFile, parsedEvents, recount } from "./ysb/ad-events.ts"
import type { Form, Measured, MeasureOptions } from "./ysb/measure.ts"
import { writeViews, YSB } from "./ysb/ysb-params.ts"

const ROUNDS = 5
const FORMS: readonly { readonly form: Form; readonly variant: string; readonly size: AdEventsOptions }[] = [
  { form: "json", variant: "JSON", size: { events: 1_000_000, perSecond: 2_000 } },
  { form: "parsed", variant: "parsed", size: { events: 10_000_000, perSecond: 20_000 } },
]
const SMALL: AdEventsOptions = { events: 50_000, perSecond: 2_000 }
const LATENCY_PER_SECOND = 100_000

const measure = (options: MeasureOptions): Promise<Measured> =>
  inChild(new URL("./ysb/measure.ts", import.meta.url), options)

const bench: Bench = async (context) => {
  for (const { form, variant, size } of FORMS) {
    await recountWindows(form, context)
    await measureForm({ form, variant, size: context.smoke ? SMALL : size }, context)
    if (!context.smoke) await measureLatency(form, variant, context)
  }
}
export default bench

/** Every window of a small run, with several subtasks. */
async function recountWindows(form: Form, { report }: BenchContext): Promise<void> {
  const params = { ...YSB, collect: true, file: jsonFile(SMALL), parsed: parsedEvents(SMALL) }
  const job = await run(new URL(`./ysb/${form}.ts`, import.meta.url), { workers: 2, parallelism: 2, params })
  const { collected } = await job.done
  const found = (collected.rows as readonly { line: string }[]).map(({ line }) => line).sort()
  const expected = recount(SMALL).map(({ campaign, start, views }) => `${campaign},${start},${views}`)
  check(found.join("\n") === expected.sort().join("\n"), `${form}: windows differ from the recount`)
  report(`${form}: ${found.length} counts of windows are as recounted`)
}

async function measureForm(
  { form, variant, size }: (typeof FORMS)[number],
  { smoke, result }: BenchContext,
): Promise<void> {
  const fold = new RowFold()
  for (const views of recount(size)) writeViews(views, fold.begin())
  const { rows, fold: sum } = fold.end()
  const expected = `${rows} rows, ${(sum >>> 0).toString(16)}`
  const names = { one: `${variant}, 1 worker`, two: `${variant}, 2 workers`, twin: `${variant}, by hand` }
  const cpu = new Map(Object.values(names).map((name) => [name, [] as number[]]))
  const measured = (name: string, what: "engine" | "twin", workers: number) => async () => {
    const { wallSeconds, cpuSeconds, result } = await measure({ what, form, workers, ...size })
    check(result === expected, `${name}: windows add up to ${result} in place of ${expected}`)
    cpu.get(name)!.push(size.events / cpuSeconds)
    return size.events / wallSeconds
  }
  const wall = await alternate(smoke ? 1 : ROUNDS, {
    [names.one]: measured(names.one, "engine", 1),
    [names.two]: measured(names.two, "engine", 2),
    [names.twin]: measured(names.twin, "twin", 0),
  })
  for (const [name, readings] of cpu) {
    result({ variant: name, metric: "cost", unit: "events per CPU-second", readings })
    result({ variant: name, metric: "throughput", unit: "events/s", readings: wall[name]! })
  }
  for (const name of [names.one, names.two]) {
    const readings = ratios(wall[name]!, wall[names.twin]!)
    result({ variant: name, metric: "throughput", unit: "x", readings, against: names.twin })
  }
}

async function measureLatency(form: Form, variant: string, { result }: BenchContext): Promise<void> {
  const { latenciesMs } = await measure({
    what: "engine",
    form,
    workers: 1,
    events: LATENCY_PER_SECOND,
    perSecond: LATENCY_PER_SECOND,
    // At least two windows end in it.
    pacedSeconds: 21,
  })
  check(latenciesMs.length >= 200, `${variant}: ${latenciesMs.length} rows of windows that have ended`)
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
  const row = { variant: `${variant}, 100,000 events/s, 1 worker`, unit: "ms" }
  result({ ...row, metric: "p50", readings: [at(0.5)] })
  result({ ...row, metric: "p95", readings: [at(0.95)] })
  result({ ...row, metric: "most", readings: [at(1)] })
}
