import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { expect, test } from "vitest"
import { run } from "../../dist/index.js"
import { type Item, itemOf, type Stage } from "../fixtures/random-pipeline.ts"

const MODULE = fileURLToPath(new URL("../fixtures/random-pipeline.ts", import.meta.url))
const RUNS = 100

const parallelism = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })
const stage = fc.oneof(
  fc.record({ op: fc.constantFrom("map", "rebalance", "rescale"), parallelism }),
  fc.record({ op: fc.constantFrom("split", "union") }),
  fc.record({ op: fc.constantFrom("filter", "flatMap", "broadcast"), n: fc.integer({ min: 2, max: 3 }), parallelism }),
  fc.record({
    op: fc.constant("window"),
    n: fc.integer({ min: 1, max: 7 }),
    sizeMs: fc.constantFrom(100, 1000, 5000),
    parallelism,
  }),
) as fc.Arbitrary<Stage>

const scenario = fc.record({
  stages: fc.array(stage, { maxLength: 5 }),
  records: fc.constantFrom(0, 1, 10, 500, 5000),
  workers: fc.integer({ min: 0, max: 3 }),
  parallelism: fc.integer({ min: 1, max: 4 }),
  sourceParallelism: fc.integer({ min: 0, max: 3 }),
})

test(`${RUNS} random pipelines with random parallelism end, with every record accounted for`, {
  timeout: 300_000,
}, async () => {
  const seed =
    process.env.PROPS_SEED === undefined ? Math.floor(Math.random() * 0x7fff_ffff) : Number(process.env.PROPS_SEED)
  await fc.assert(
    fc.asyncProperty(scenario, async ({ stages, records, workers, parallelism: p, sourceParallelism }) => {
      const params = { records, stages: JSON.stringify(stages), sourceParallelism }
      const job = await run(MODULE, { workers, parallelism: p, params })
      const { collected, metrics, status } = await job.done
      expect(status).toBe("finished")
      expect(metrics.recordsIn).toBe(records)
      expect(metrics.late).toBe(0)
      expect(metrics.inFlight).toBe(0)
      expect(sorted((collected.out ?? []) as Item[])).toEqual(sorted(oracle(stages, records)))
    }),
    { seed, numRuns: RUNS, endOnFailure: true },
  )
})

/** The plainest program for the same stages. */
function oracle(stages: readonly Stage[], records: number): Item[] {
  let items = Array.from({ length: records }, (_, n) => itemOf(n))
  for (const each of stages) items = applyPlainly(items, each)
  return items
}

function applyPlainly(items: Item[], each: Stage): Item[] {
  switch (each.op) {
    case "map":
      return items.map((item) => ({ x: item.x + 1, t: item.t }))
    case "filter":
      return items.filter((item) => item.x % each.n !== 0)
    case "flatMap":
      return items.flatMap((item) =>
        Array.from({ length: each.n }, (_, copy) => ({ x: item.x * each.n + copy, t: item.t })),
      )
    case "split":
      return items.map((item) => (item.x % 2 === 0 ? { x: item.x * 2, t: item.t } : item))
    case "union":
      return items.flatMap((item) => [{ x: -item.x, t: item.t }, item])
    case "rebalance":
    case "rescale":
      return items
    case "broadcast":
      return items.flatMap((item) => Array.from({ length: each.n }, () => item))
    case "window": {
      const panes = new Map<string, { key: number; end: number; n: number; s: number }>()
      for (const item of items) {
        const key = Math.abs(item.x) % each.n
        const end = Math.floor(item.t / each.sizeMs) * each.sizeMs + each.sizeMs
        const pane = panes.get(`${key}/${end}`) ?? { key, end, n: 0, s: 0 }
        pane.n += 1
        pane.s += item.x
        panes.set(`${key}/${end}`, pane)
      }
      return [...panes.values()].map(({ key, end, n, s }) => ({ x: s * 31 + n * 7 + key, t: end - 1 }))
    }
  }
}

function sorted(items: readonly Item[]): Item[] {
  // -0 and 0 are one value here: a plain program and an exchange may differ in the sign of zero.
  return items.map(({ x, t }) => ({ x: x + 0, t })).sort((a, b) => a.t - b.t || a.x - b.x)
}
