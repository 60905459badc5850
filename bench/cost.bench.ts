/**
 * Question: how many cores does the engine need to beat a plain program on one? (COST: McSherry, Isard, Murray 2015.)
 * Topology: source that parses lines of JSON, some 1.5 us each -> keyBy -> windows of 1 s -> sink that folds all rows. 1, 2 and 4
 * workers, each with a split of its own.
 * Baseline: bench/cost/twin.ts: the same in one loop, in a thread of its own. Counts and digests of all rows are compared.
 * Bound, on the median of pairs: two workers are faster than the loop, start-up and end included.
 */
import { fileURLToPath } from "node:url"
import { run } from "millrace"
import { alternate, type Bench, check, ratios } from "./bench.ts"
import { makeBids, parseBlock } from "./cost/bids.ts"
import { runInThread } from "./tax/run-in-thread.ts"
import { readTally, tallyMemory } from "./tax/tally.ts"

const path = (name: string): string => fileURLToPath(new URL(`./cost/${name}`, import.meta.url))
const ROUNDS = 5

const bench: Bench = async ({ smoke, report, result }) => {
  const bids = makeBids(smoke ? 20_000 : 200_000)
  const passes = smoke ? 1 : 8
  const all = bids.count * passes
  let expected: { readonly rows: number; readonly digest: number } | undefined

  /** @returns bids per second */
  const measured = async (name: string, once: (notes: SharedArrayBuffer) => Promise<void>): Promise<number> => {
    const notes = tallyMemory(4)
    const cpu = process.cpuUsage()
    const startMs = performance.now()
    await once(notes)
    const rate = (all * 1000) / (performance.now() - startMs)
    const { user, system } = process.cpuUsage(cpu)
    const tally = readTally(notes)
    report(
      `${name}: ${Math.round(rate)} bids/s, ${((1000 * (user + system)) / all).toFixed(0)} ns of processor time each`,
    )
    expected ??= tally
    check(
      tally.rows === expected.rows && tally.digest === expected.digest,
      `${name}: ${tally.rows} rows with the digest ${tally.digest}, not ${expected.rows} with ${expected.digest}`,
    )
    return rate
  }
  const engine = (workers: number) => () =>
    measured(`${workers} workers`, async (notes) => {
      const job = await run(path("job.ts"), { workers, parallelism: workers, params: { bids, passes, notes } })
      await job.done
    })
  const readings = await alternate(smoke ? 1 : ROUNDS, {
    "plain loop": () => measured("plain loop", (notes) => runInThread(path("twin.ts"), { bids, passes, notes })),
    "1 worker": engine(1),
    "2 workers": engine(2),
    "4 workers": engine(4),
  })
  result({
    variant: "parsing alone",
    metric: "work per record",
    unit: "ns",
    readings: [parsingNs(bids)],
    atLeast: 1_000,
  })
  for (const [variant, rates] of Object.entries(readings)) {
    result({ variant, metric: "throughput", unit: "records/s", readings: rates })
    if (variant === "plain loop") continue
    const bound = variant === "2 workers" ? { atLeast: 1 } : {}
    const speedUp = ratios(rates, readings["plain loop"])
    result({ variant, metric: "speed-up", unit: "x", readings: speedUp, against: "plain loop", ...bound })
  }
}
export default bench

function parsingNs(bids: ReturnType<typeof makeBids>): number {
  let parsed = 0
  const cpu = process.cpuUsage()
  while (parsed < bids.count)
    for (let block = 0; block + 1 < bids.starts.length; block++) parsed += parseBlock(bids, block, 0).length
  const { user, system } = process.cpuUsage(cpu)
  return (1000 * (user + system)) / parsed
}
