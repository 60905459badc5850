// The main job's two results once more, by DuckDB's SQL: a second opinion on the oracle itself.
//
//   node tests/oracle/airport-delays-duckdb.mjs    checks that both agree row for row, exits 1 if not
import { fileURLToPath, pathToFileURL } from "node:url"
import { DuckDBInstance } from "@duckdb/node-api"
import { compareRows, hourlyOracle, worstOracle } from "./airport-delays-oracle.mjs"
import { FLIGHTS_FILE } from "./read-flights.mjs"

const MAX_SHOWN = 20

// Means are divisions of exact sums, as the job makes them: an average that adds rounded parts could differ in the last bit.
const HOURLY = `
  SELECT origin AS airport,
         strftime(date_trunc('hour', date), '%Y-%m-%dT%H:%M:%S.000Z') AS "windowStart",
         count(*)::DOUBLE AS flights,
         sum(delay)::DOUBLE / count(*)::DOUBLE AS "meanDelay",
         max(delay)::DOUBLE AS "maxDelay",
         count(*) FILTER (delay > 15)::DOUBLE / count(*)::DOUBLE AS "lateShare"
  FROM flights GROUP BY origin, date_trunc('hour', date)`

const WORST = `
  WITH daily AS (
    SELECT date_trunc('day', date) AS day, origin AS airport,
           sum(delay)::DOUBLE / count(*)::DOUBLE AS mean_delay, count(*) AS flights
    FROM flights GROUP BY ALL HAVING count(*) >= 30
  ), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY day ORDER BY mean_delay DESC, airport) AS rank FROM daily
  )
  SELECT strftime(day, '%Y-%m-%d') AS day, rank::DOUBLE AS rank, airport,
         mean_delay AS "meanDelay", flights::DOUBLE AS flights
  FROM ranked WHERE rank <= 10`

/** @param {{ rows?: number }} [options] @returns {Promise<import("./airport-delays-oracle.mjs").HourlyRow[]>} in no particular order */
export const hourlyDuckdb = (options) => query(HOURLY, options)

/** @param {{ rows?: number }} [options] @returns {Promise<import("./airport-delays-oracle.mjs").WorstRow[]>} in no particular order */
export const worstDuckdb = (options) => query(WORST, options)

/**
 * Compares the two oracles, every row both ways.
 *
 * @param {{ rows?: number }} [options]
 * @returns {Promise<{ differences: string[], differenceCount: number }>} the first 20 differences
 */
export async function compareOracles(options) {
  const differences = [
    ...compareRows(
      "hourly",
      await hourlyDuckdb(options),
      await hourlyOracle(options),
      (row) => `${row.airport} ${row.windowStart}`,
    ),
    ...compareRows("worst", await worstDuckdb(options), await worstOracle(options), (row) => `${row.day} #${row.rank}`),
  ]
  return { differences: differences.slice(0, MAX_SHOWN), differenceCount: differences.length }
}

async function query(sql, { rows } = {}) {
  const instance = await DuckDBInstance.create()
  try {
    const connection = await instance.connect()
    const file = fileURLToPath(FLIGHTS_FILE).replaceAll("'", "''")
    // Without an ORDER BY a LIMIT takes the first rows of the file: DuckDB keeps the order of insertion.
    const limit = rows === undefined ? "" : ` LIMIT ${rows}`
    await connection.run(`CREATE VIEW flights AS SELECT * FROM read_parquet('${file}')${limit}`)
    const result = await connection.runAndReadAll(sql)
    return result.getRowObjects()
  } finally {
    instance.closeSync()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { differences, differenceCount } = await compareOracles()
  for (const difference of differences) console.log(difference)
  console.log(
    differenceCount === 0 ? "both oracles agree on every row" : `the oracles differ in ${differenceCount} rows`,
  )
  process.exitCode = differenceCount === 0 ? 0 : 1
}
