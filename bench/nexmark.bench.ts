/**
 * Question: what does an event cost in the queries of Nexmark, with the engine and without?
 * Topology: a corpus of Beam's events, as bytes in memory -> the query -> rows added up. One worker, and two with everything in two;
 * every run in a process of its own, measured from the first record read to the last row written, all of its threads' processor
 * time included (so are compilers and collectors). 10,000 events a second of event time: 5,000,000 of q0, q1, q2, q7 and q14,
 * 2,000,000 of the others; all three kinds of events are counted.
 * Baseline: each query as a loop written by hand, over the same bytes, on one thread; and the source alone. Both
 * hand on every change of q15 to q19.
 * Rows are compared with their known digests before anything is measured, and with the loop's in every run, but for q15 to q19 with
 * two workers, whose changes come in another order.
 * Bounds, of one worker: 500,000 events per CPU-second; 1,500,000 for q0, q1, q2 and q7.
 * `NEXMARK_QUERIES=q0,q7` measures some of them. Queries that join two streams are open: q3, q4, q6, q8, q9, q20, q23.
 */
import { alternate, type Bench, type BenchContext, check, median, ratios } from "./bench.ts"
import { inChild } from "./in-child.ts"
import { cachedCorpus } from "./nexmark/corpus.ts"
import { differenceFrom, type KnownEvents } from "./nexmark/golden.ts"
import type { Measured, MeasureOptions } from "./nexmark/measure.ts"
import { QUERIES } from "./nexmark/queries/index.ts"
import { linesOf, twinLines } from "./nexmark/run-query.ts"

const ROUNDS = 5
/** Those that do little for each event: a run of fewer would be over in a moment. */
const LIGHT: readonly string[] = ["q0", "q1", "q2", "q7", "q14"]
const FAST: readonly string[] = ["q0", "q1", "q2", "q7"]
/** Their rows replace the ones before of their key. */
const UPDATING: readonly string[] = ["q15", "q17", "q18", "q19"]
/** Of each kind one: without state, windows, running results. */
const SMOKE: readonly string[] = ["q1", "q5", "q17"]
/** Those whose source reads the text of a bid. */
const WITH_TEXTS: readonly string[] = ["q0", "q14"]

const bench: Bench = async (context) => {
  const asked = process.env.NEXMARK_QUERIES?.split(",") ?? (context.smoke ? SMOKE : QUERIES)
  for (const query of asked)
    check(QUERIES.includes(query), `there is no query ${query}; there are ${QUERIES.join(", ")}`)
  if (!context.smoke) await checkDigests(asked, context)
  const sources = context.smoke ? { numbers: 0, texts: 0 } : await measureSources(context)
  for (const query of asked) await measureQuery(query, sources, context)
}
export default bench

const measure = (options: MeasureOptions): Promise<Measured> =>
  inChild(new URL("./nexmark/measure.ts", import.meta.url), options)

/** Every row: of 1,000,000 events with two subtasks, of 100,000 with one and with four. */
async function checkDigests(queries: readonly string[], { report }: BenchContext): Promise<void> {
  for (const query of queries) {
    await checkDigest(query, 1_000_000, [2])
    await checkDigest(query, 100_000, [1, 4])
    report(`${query}: the rows of 100,000 and of 1,000,000 events are right, by hand and with parallelism 1, 2 and 4`)
  }
}

async function checkDigest(query: string, events: KnownEvents, parallelisms: readonly number[]): Promise<void> {
  const corpus = cachedCorpus({ events })
  const twin = twinLines(query, corpus)
  const right = (lines: readonly string[]): void => {
    const difference = differenceFrom({ query, events }, lines, () => twin)
    check(difference === undefined, difference ?? "")
  }
  right(twin)
  for (const parallelism of parallelisms) right(await linesOf(query, corpus, { workers: 2, parallelism }))
}

/** @returns events per second */
async function measureSources({ result }: BenchContext): Promise<Record<"numbers" | "texts", number>> {
  const events = 5_000_000
  const read = (query: string) => async () => {
    const { wallSeconds } = await measure({ what: "source", query, events, workers: 0 })
    return events / wallSeconds
  }
  const readings = await alternate(ROUNDS, { numbers: read("numbers"), texts: read("texts") })
  const row = { metric: "throughput", unit: "events/s" }
  result({ variant: "the source alone, four numbers of a bid", ...row, readings: readings.numbers })
  result({ variant: "the source alone, with the text", ...row, readings: readings.texts })
  return { numbers: median(readings.numbers), texts: median(readings.texts) }
}

async function measureQuery(
  query: string,
  sources: Record<"numbers" | "texts", number>,
  { smoke, report, result }: BenchContext,
): Promise<void> {
  const events = smoke ? 100_000 : LIGHT.includes(query) ? 5_000_000 : 2_000_000
  const names = { one: `${query}, 1 worker`, two: `${query}, 2 workers`, twin: `${query}, by hand` }
  const noted = new Map(Object.values(names).map((name) => [name, { cpu: [] as number[], peaks: [] as number[] }]))
  const results = new Set<string>()
  const measured = (name: string, run: () => Promise<Measured>) => async () => {
    const { wallSeconds, cpuSeconds, peakBytes, result } = await run()
    noted.get(name)!.cpu.push(events / cpuSeconds)
    noted.get(name)!.peaks.push(peakBytes)
    if (name !== names.two || !UPDATING.includes(query)) results.add(result)
    return events / wallSeconds
  }
  const engine = (workers: number) => () => measure({ what: "engine", query, events, workers })
  const twin = () => measure({ what: "twin", query, events, workers: 0 })
  const wall = await alternate(smoke ? 1 : ROUNDS, {
    [names.one]: measured(names.one, engine(1)),
    [names.two]: measured(names.two, engine(2)),
    [names.twin]: measured(names.twin, twin),
  })
  check(results.size === 1, `${query}: the runs do not agree: ${[...results].join("; ")}`)
  for (const [variant, { cpu, peaks }] of noted) {
    const bound = variant === names.one && !smoke ? { atLeast: FAST.includes(query) ? 1_500_000 : 500_000 } : {}
    result({ variant, metric: "cost", unit: "events per CPU-second", readings: cpu, ...bound })
    result({ variant, metric: "throughput", unit: "events/s", readings: wall[variant]! })
    result({ variant, metric: "most memory, the corpus aside", unit: "bytes", readings: peaks })
  }
  const against = { unit: "x", against: names.twin }
  const cpuOf = (name: string): readonly number[] => noted.get(name)!.cpu
  result({ variant: names.one, metric: "cost", ...against, readings: ratios(cpuOf(names.one), cpuOf(names.twin)) })
  for (const variant of [names.one, names.two]) {
    result({ variant, metric: "throughput", ...against, readings: ratios(wall[variant]!, wall[names.twin]!) })
  }
  report(`${query}: ${[...results].join()} of ${events} events`)
  const fastest = sources[WITH_TEXTS.includes(query) ? "texts" : "numbers"]
  if (median(wall[names.one]!) > fastest / 2)
    report(`${query}: bound by its source, which alone does ${fastest.toFixed(0)}`)
}
