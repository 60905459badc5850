// Runs the flights through windows of four kinds, and compares every row with what DuckDB makes of the same file in SQL.
// Month boundaries in New York come from Luxon.
//
//   node tests/checks/windows-oracle.mjs [--smoke] [kind ...]      --smoke: the first week only
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { DuckDBInstance } from "@duckdb/node-api"
import { DateTime } from "luxon"
import { run } from "../../dist/index.js"

const HERE = dirname(fileURLToPath(import.meta.url))
const JOB = join(HERE, "../fixtures/flight-windows.ts")
const INPUT = join(HERE, "../../node_modules/vega-datasets/data/flights-3m.parquet")
const MINUTE = 60_000
const smoke = process.argv.includes("--smoke")
const before = smoke ? Date.UTC(2001, 0, 8) : 8.64e15

const months = Array.from({ length: 26 }, (_, index) =>
  DateTime.fromObject({ year: 2000, month: 12 }, { zone: "America/New_York" }).plus({ months: index }).toMillis(),
)
const MONTHS = months
  .slice(0, -1)
  .map((start, index) => `(${start}, ${months[index + 1]})`)
  .join(", ")
const TOTALS = "count(*)::BIGINT AS flights, sum(delay)::BIGINT AS delay, max(delay)::BIGINT AS worst"

/** Each with the columns airport, start, end, flights, delay, worst. */
const ORACLES = {
  hourly: `SELECT airport, ms // ${60 * MINUTE} * ${60 * MINUTE} AS "start", "start" + ${60 * MINUTE} AS "end", ${TOTALS}
    FROM flights GROUP BY airport, "start"`,
  sliding: `SELECT airport, ms // ${10 * MINUTE} * ${10 * MINUTE} - i * ${10 * MINUTE} AS "start", "start" + ${180 * MINUTE} AS "end", ${TOTALS}
    FROM flights, range(18) slots(i) GROUP BY airport, "start"`,
  sessions: `WITH instants AS (
      SELECT airport, ms, count(*) AS flights, sum(delay) AS delay, max(delay) AS worst FROM flights GROUP BY airport, ms
    ), gaps AS (
      SELECT *, CASE WHEN ms - lag(ms) OVER (PARTITION BY airport ORDER BY ms) > ${20 * MINUTE} THEN 1 ELSE 0 END AS breaks FROM instants
    ), numbered AS (
      SELECT *, sum(breaks) OVER (PARTITION BY airport ORDER BY ms ROWS UNBOUNDED PRECEDING) AS number FROM gaps
    )
    SELECT airport, min(ms) AS "start", max(ms) + ${20 * MINUTE} AS "end",
      sum(flights)::BIGINT AS flights, sum(delay)::BIGINT AS delay, max(worst)::BIGINT AS worst FROM numbered GROUP BY airport, number`,
  monthly: `SELECT airport, "start", "end", ${TOTALS}
    FROM flights JOIN (VALUES ${MONTHS}) months("start", "end") ON ms >= "start" AND ms < "end" GROUP BY airport, "start", "end"`,
}

const named = process.argv.slice(2).filter((arg) => !arg.startsWith("--"))
const kinds = named.length > 0 ? named : Object.keys(ORACLES)

const dir = mkdtempSync(join(tmpdir(), "millrace-windows-"))
let different = 0
try {
  const job = await run(JOB, {
    workers: 2,
    parallelism: 2,
    params: { input: INPUT, out: dir, before, kinds: kinds.join(",") },
  })
  const { durationMs, metrics } = await job.done
  console.log(`job: ${(durationMs / 1000).toFixed(1)} s, late ${metrics.late}`)
  different += metrics.late
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(
    `CREATE TABLE flights AS SELECT origin AS airport, epoch_ms(date) AS ms, delay FROM read_parquet('${quoted(INPUT)}') WHERE epoch_ms(date) < ${before}`,
  )
  for (const kind of kinds) {
    const oracle = ORACLES[kind]
    const columns = `{airport: 'VARCHAR', start: 'BIGINT', "end": 'BIGINT', flights: 'BIGINT', delay: 'BIGINT', worst: 'BIGINT'}`
    await connection.run(
      `CREATE TABLE found AS SELECT airport, "start", "end", flights, delay, worst FROM read_json('${quoted(dir)}/${kind}/part-*.ndjson', columns = ${columns})`,
    )
    await connection.run(
      `CREATE TABLE wanted AS SELECT airport, "start"::BIGINT AS "start", "end"::BIGINT AS "end", flights, delay, worst FROM (${oracle})`,
    )
    const rows = await one(connection, "SELECT count(*)::DOUBLE FROM found")
    const surplus = await one(connection, "SELECT count(*)::DOUBLE FROM (FROM found EXCEPT ALL FROM wanted)")
    const missing = await one(connection, "SELECT count(*)::DOUBLE FROM (FROM wanted EXCEPT ALL FROM found)")
    different += surplus + missing
    console.log(
      `${surplus + missing === 0 ? "equal" : "DIFFERENT"}: ${kind}: ${rows} rows, ${surplus} surplus, ${missing} missing`,
    )
    if (surplus + missing > 0) {
      const shown = await connection.runAndReadAll(
        "(SELECT 'surplus', * FROM (FROM found EXCEPT ALL FROM wanted) LIMIT 3) UNION ALL (SELECT 'missing', * FROM (FROM wanted EXCEPT ALL FROM found) LIMIT 3)",
      )
      for (const row of shown.getRows()) console.log(`  ${row.join(" ")}`)
    }
    if (rows === 0) throw new Error(`${kind}: no rows`)
    await connection.run("DROP TABLE found; DROP TABLE wanted")
  }
  instance.closeSync()
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(different === 0 ? "windows: equal to the oracle" : `windows: ${different} differences`)
process.exit(different === 0 ? 0 : 1)

async function one(connection, sql) {
  return (await connection.runAndReadAll(sql)).getRows()[0][0]
}

function quoted(path) {
  return path.replaceAll("'", "''")
}
