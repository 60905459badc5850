/**
 * Question: what does a record cost in the engine, on one worker, beside a plain program that does the same for the same bytes?
 * Topologies: source of clicks -> filter -> map; -> keyBy -> running count; -> keyBy -> windows of 1 s; of 10 s by 1 s; each into a
 * sink that folds all rows. One worker, parallelism 1, each run in a fresh thread. Without checkpoints, and with one every second.
 * Baseline: bench/tax/twins.ts in a fresh thread, in turn with the engine. Both read those fields of a click that the query needs, the time
 * where there are windows. Counts and digests of all rows are compared.
 * "steady" is the rate of the last 70 % of the input, when code is compiled; "whole" is from the start of the thread or run() to the
 * end; "processor" is the processor time of all threads in the whole, the collector's included.
 * Bounds on medians of pairs, steady, checkpoints every second included: filter and map, running count and tumbling windows at
 * least 0.7 of the plain program. Keys that are numbers cost it next to nothing, so those rows show what the engine itself takes;
 * they and sliding windows stand without a bound.
 * TAX="count;tumbling" measures these queries alone.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run } from "millrace"
import { type Bench, check, ratios } from "./bench.ts"
import { type Clicks, makeClicks, STEADY, Stopwatch } from "./tax/clicks.ts"
import type { Query } from "./tax/jobs.ts"
import { runInThread } from "./tax/run-in-thread.ts"
import { readTally, tallyMemory } from "./tax/tally.ts"

const BOUND = 0.7
const ROUNDS = 5
const EVERY = "1s"
const MODULES = new URL("./tax/", import.meta.url)
const path = (name: string): string => fileURLToPath(new URL(name, MODULES))

/** Clicks in millions: two to three seconds of the plain program. */
const QUERIES: readonly { readonly query: Query; readonly millions: number; readonly bound?: number }[] = [
  { query: "map-filter", millions: 12, bound: BOUND },
  { query: "count", millions: 10, bound: BOUND },
  { query: "tumbling", millions: 10, bound: BOUND },
  { query: "sliding", millions: 8 },
  { query: "count, numbers", millions: 16 },
  { query: "tumbling, numbers", millions: 16 },
]

const SIDES = ["plain", "no checkpoints", "checkpoints"] as const
type Side = (typeof SIDES)[number]

interface Reading {
  readonly rows: number
  readonly digest: number
  /** Clicks per second, of the steady part and of the whole. */
  readonly steady: number
  readonly whole: number
  readonly perCpuSecond: number
  readonly checkpoints: number
}

const bench: Bench = async ({ smoke, report, result }) => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-tax-"))
  const only = process.env.TAX?.split(";")
  try {
    const clicks = makeClicks(smoke ? 50_000 : 500_000)
    // The small size does without the queries that differ in the kind of key only.
    const asked = QUERIES.filter(({ query }) => only?.includes(query) ?? !(smoke && query.includes("numbers")))
    for (const { query, millions, bound } of asked) {
      const passes = smoke ? 1 : (millions * 1e6) / clicks.count
      const readings = await inTurn(smoke ? 1 : ROUNDS, async (side) => {
        const reading =
          side === "plain"
            ? await runTwin(query, clicks, passes)
            : await runEngine(query, clicks, passes, side === "checkpoints" ? join(dir, "checkpoints") : undefined)
        const { steady, rows, checkpoints } = reading
        report(`${query}, ${side}: ${(steady / 1e6).toFixed(2)} M/s, ${rows} rows, ${checkpoints} checkpoints`)
        return reading
      })
      const [expected] = readings.plain
      for (const side of SIDES) {
        const all = readings[side]
        for (const { rows, digest } of all) {
          check(
            rows === expected!.rows && digest === expected!.digest,
            `${query}, ${side}: ${rows} rows with the digest ${digest}, not ${expected!.rows} with ${expected!.digest}`,
          )
        }
        const variant = side === "checkpoints" ? `${query}, a checkpoint every second` : `${query}, ${side}`
        const of = (field: "steady" | "whole" | "perCpuSecond", from = all) => from.map((each) => each[field])
        result({ variant, metric: "steady", unit: "records/s", readings: of("steady") })
        if (side === "plain") continue
        const against = `${query}, plain`
        for (const [metric, field] of [
          ["steady", "steady"],
          ["whole", "whole"],
          ["processor", "perCpuSecond"],
        ] as const) {
          const readingsOf = ratios(of(field), of(field, readings.plain))
          const atLeast = metric === "steady" && bound !== undefined ? { atLeast: bound } : {}
          result({ variant, metric: `${metric} ratio`, unit: "x", readings: readingsOf, against, ...atLeast })
        }
        const taken = all.every(({ checkpoints }) => checkpoints > 0)
        check(smoke || side !== "checkpoints" || taken, `${query}: no checkpoint was taken`)
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
export default bench

/** In the order given and backwards, so that what else the machine does falls on all. */
async function inTurn(rounds: number, once: (side: Side) => Promise<Reading>): Promise<Record<Side, Reading[]>> {
  const readings: Record<Side, Reading[]> = { plain: [], "no checkpoints": [], checkpoints: [] }
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) readings[side].push(await once(side))
  }
  return readings
}

interface Memory {
  readonly tally: SharedArrayBuffer
  readonly times: SharedArrayBuffer
}

function runTwin(query: Query, clicks: Clicks, passes: number): Promise<Reading> {
  return measured(clicks, passes, async (memory) => {
    await runInThread(path("twins.ts"), { query, clicks, passes, ...memory })
    return 0
  })
}

function runEngine(query: Query, clicks: Clicks, passes: number, directory: string | undefined): Promise<Reading> {
  return measured(clicks, passes, async (memory) => {
    let checkpoints = 0
    const job = await run(path("jobs.ts"), {
      workers: 1,
      parallelism: 1,
      params: { query, clicks, passes, ...memory },
      ...(directory === undefined ? {} : { checkpoint: { directory, every: EVERY } }),
      onEvent: (event) => {
        if (event.type === "checkpoint") checkpoints += 1
        if (event.type === "warning") throw event.error
      },
    })
    await job.done
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
    return checkpoints
  })
}

/** @param once answers how many checkpoints there were */
async function measured(clicks: Clicks, passes: number, once: (memory: Memory) => Promise<number>): Promise<Reading> {
  const memory = { tally: tallyMemory(1), times: Stopwatch.memory() }
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const checkpoints = await once(memory)
  const wholeMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(cpu)
  const all = clicks.count * passes
  return {
    ...readTally(memory.tally),
    steady: (all * STEADY * 1000) / Stopwatch.steadyMs(memory.times),
    whole: (all * 1000) / wholeMs,
    perCpuSecond: (all * 1e6) / (user + system),
    checkpoints,
  }
}

const KEYED =
  "beside the plain program's work the engine hashes the key, hands the record from the source's subtask to the key's, and keeps state that can be captured at any moment: docs/design/012-hot-loop.md has what each costs"
const PLAIN_ROWS =
  "the plain program calls two functions; the engine also gives each record a place in a batch that is new memory, for its source and for its sink: docs/design/012-hot-loop.md. The spread of one and the same code on this machine is larger than what is missing"
const ofSteady = (query: string, reason: string) =>
  ["no checkpoints", "a checkpoint every second"].map((side) => [`${query}, ${side}: steady ratio`, reason] as const)
export const reasons = Object.fromEntries([
  ...ofSteady("map-filter", PLAIN_ROWS),
  ...ofSteady("count", KEYED),
  ...ofSteady("tumbling", KEYED),
])
