// Runs the main job at many shapes and compares every row of both results with the plain sequential program.
//
//   node tests/checks/main-job.mjs [--smoke]      --smoke: fewer shapes
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { run } from "../../dist/index.js"
import { compareOracles } from "../oracle/airport-delays-duckdb.mjs"
import { compareWithOracle } from "../oracle/airport-delays-oracle.mjs"
import { writeShuffledFlights } from "../oracle/shuffled-flights.mjs"

const HERE = dirname(fileURLToPath(import.meta.url))
const MAIN_JOB = join(HERE, "../../examples/airport-delays.ts")
const SHUFFLED_JOB = join(HERE, "../fixtures/shuffled-delays.ts")
const INPUT = join(HERE, "../../node_modules/vega-datasets/data/flights-3m.parquet")
const smoke = process.argv.includes("--smoke")

const shapes = [1, 2, 4].flatMap((workers) => [1, 2, 3, 8].map((parallelism) => ({ workers, parallelism })))
const smokeShapes = shapes.filter(({ workers, parallelism }) => workers === 2 || parallelism === workers)
let failed = 0
let passed = 0
const dir = mkdtempSync(join(tmpdir(), "millrace-main-job-"))
try {
  await check("the two oracles agree", async () => {
    const { differenceCount, differences } = await compareOracles()
    return { differenceCount, differences, text: "plain program and DuckDB" }
  })
  for (const { workers, parallelism } of smoke ? smokeShapes : shapes) {
    await check(`workers ${workers}, parallelism ${parallelism}`, async () => {
      const job = await run(MAIN_JOB, { workers, parallelism, params: { input: INPUT, out: dir } })
      const { durationMs, metrics } = await job.done
      const compared = await compareWithOracle(dir)
      return {
        ...compared,
        text: `${compared.hourlyRows} + ${compared.worstRows} rows in ${(durationMs / 1000).toFixed(1)} s, late ${metrics.late}`,
      }
    })
  }
  const rows = smoke ? 300_000 : 1_000_000
  const input = join(dir, "shuffled.ndjson")
  const { outOfOrder, maxLatenessMs } = await writeShuffledFlights({ path: input, rows })
  for (const { workers, parallelism } of [
    { workers: 1, parallelism: 1 },
    { workers: 2, parallelism: 3 },
    { workers: 4, parallelism: 8 },
  ]) {
    await check(`shuffled, workers ${workers}, parallelism ${parallelism}`, async () => {
      const job = await run(SHUFFLED_JOB, {
        workers,
        parallelism,
        params: { input, out: dir, splitBytes: 1024 * 1024 },
      })
      const { durationMs, metrics } = await job.done
      const compared = await compareWithOracle(dir, { rows })
      return {
        ...compared,
        differenceCount: compared.differenceCount + metrics.late,
        text: `${rows} rows, ${outOfOrder} out of order by at most ${(maxLatenessMs / 60_000).toFixed(1)} min, in ${(durationMs / 1000).toFixed(1)} s, late ${metrics.late}`,
      }
    })
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(`main job: ${passed} shapes equal to the oracle, ${failed} not`)
process.exit(failed === 0 ? 0 : 1)

async function check(name, measure) {
  try {
    const { differenceCount, differences, text } = await measure()
    if (differenceCount === 0) passed += 1
    else failed += 1
    console.log(`${differenceCount === 0 ? "equal" : `DIFFERENT (${differenceCount})`}: ${name}: ${text}`)
    for (const difference of differences) console.log(`  ${difference}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED: ${name}: ${error.stack}`)
  }
}
