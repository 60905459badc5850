// What examples/airport-delays.ts must write, worked out by the plainest program: one loop, two maps, no millrace code.
// What it leaves out, and why: the order of rows and their division into part files, which are not promised.
//
//   node tests/oracle/airport-delays-oracle.mjs out/airport-delays    compares every row, exits 1 on a difference
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { readFlights } from "./read-flights.mjs"

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const LATE_MINUTES = 15
const MIN_FLIGHTS = 30
const WORST = 10
const MAX_SHOWN = 20

/** @typedef {{ airport: string, windowStart: string, flights: number, meanDelay: number, maxDelay: number, lateShare: number }} HourlyRow */
/** @typedef {{ rows?: number }} OracleOptions only the first `rows` flights of the file */
/** @typedef {{ day: string, rank: number, airport: string, meanDelay: number, flights: number }} WorstRow */

/**
 * Delays per airport and hour, by hour, then airport.
 * @param {OracleOptions} [options]
 * @returns {Promise<HourlyRow[]>}
 */
export async function hourlyOracle(options) {
  const [hours] = await totalsBy([HOUR_MS], options)
  return asHourlyRows(hours)
}

/**
 * The ten airports of highest mean delay of each day, by day, then rank.
 * @param {OracleOptions} [options]
 * @returns {Promise<WorstRow[]>}
 */
export async function worstOracle(options) {
  const [days] = await totalsBy([DAY_MS], options)
  return asWorstRows(days)
}

/**
 * Compares the committed parts below `dir` with the oracle, every row both ways.
 *
 * @param {string} dir holds `hourly/` and `worst/`, each with files `part-*.ndjson`
 * @param {OracleOptions} [options]
 * @returns {Promise<{ hourlyRows: number, worstRows: number, differences: string[], differenceCount: number }>} row counts
 * as found; the first 20 differences
 */
export async function compareWithOracle(dir, options) {
  const hourly = await readParts(join(dir, "hourly"))
  const worst = await readParts(join(dir, "worst"))
  const [hours, days] = await totalsBy([HOUR_MS, DAY_MS], options)
  const differences = [
    ...compareRows("hourly", hourly, asHourlyRows(hours), (row) => `${row.airport} ${row.windowStart}`),
    ...compareRows("worst", worst, asWorstRows(days), (row) => `${row.day} #${row.rank}`),
  ]
  return {
    hourlyRows: hourly.length,
    worstRows: worst.length,
    differences: differences.slice(0, MAX_SHOWN),
    differenceCount: differences.length,
  }
}

/**
 * Every row that is missing, surplus (also a second time) or different. Numbers must be exactly equal.
 *
 * @template {object} Row
 * @param {string} name for the messages
 * @param {Row[]} actual
 * @param {Row[]} expected
 * @param {(row: Row) => string} keyOf
 * @returns {string[]}
 */
export function compareRows(name, actual, expected, keyOf) {
  const missing = new Map(expected.map((row) => [keyOf(row), row]))
  const seen = new Set()
  const differences = []
  for (const row of actual) {
    const key = keyOf(row)
    const wanted = missing.get(key)
    if (wanted === undefined) {
      differences.push(`${name} ${key}: surplus${seen.has(key) ? " (written twice)" : ""} ${JSON.stringify(row)}`)
      continue
    }
    missing.delete(key)
    seen.add(key)
    if (!sameFields(row, wanted)) {
      differences.push(`${name} ${key}: is ${JSON.stringify(row)}, should be ${JSON.stringify(wanted)}`)
    }
  }
  for (const [key, row] of missing) differences.push(`${name} ${key}: missing ${JSON.stringify(row)}`)
  return differences
}

function sameFields(row, wanted) {
  const names = Object.keys(wanted)
  return Object.keys(row).length === names.length && names.every((field) => Object.is(row[field], wanted[field]))
}

function asHourlyRows(hours) {
  const rows = []
  for (const [start, totals] of hours) {
    const windowStart = new Date(start).toISOString()
    for (const { airport, flights, delay, maxDelay, late } of totals) {
      rows.push({ airport, windowStart, flights, meanDelay: delay / flights, maxDelay, lateShare: late / flights })
    }
  }
  return rows
}

function asWorstRows(days) {
  const rows = []
  for (const [start, totals] of days) {
    const day = new Date(start).toISOString().slice(0, 10)
    const ranked = totals
      .filter((total) => total.flights >= MIN_FLIGHTS)
      .map(({ airport, flights, delay }) => ({ airport, meanDelay: delay / flights, flights }))
      .sort((a, b) => b.meanDelay - a.meanDelay || (a.airport < b.airport ? -1 : 1))
    for (const [index, worst] of ranked.slice(0, WORST).entries()) rows.push({ day, rank: index + 1, ...worst })
  }
  return rows
}

/**
 * Totals per airport and window, for several window lengths in one reading of the file. For each length a list of
 * [window start, totals by airport], in order.
 */
async function totalsBy(windowLengths, options) {
  const byLength = windowLengths.map(() => new Map())
  await readFlights(
    ({ date, delay, origin }) => {
      for (let row = 0; row < date.length; row++) {
        for (const [index, windowMs] of windowLengths.entries()) {
          const start = Math.floor(date[row] / windowMs) * windowMs
          const total = totalOf(byLength[index], start, origin[row])
          total.flights++
          total.delay += delay[row]
          total.maxDelay = Math.max(total.maxDelay, delay[row])
          if (delay[row] > LATE_MINUTES) total.late++
        }
      }
    },
    { ...options, columns: ["date", "delay", "origin"] },
  )
  return byLength.map((windows) =>
    [...windows]
      .sort(([a], [b]) => a - b)
      .map(([start, airports]) => [start, [...airports.values()].sort((a, b) => (a.airport < b.airport ? -1 : 1))]),
  )
}

function totalOf(windows, start, airport) {
  let airports = windows.get(start)
  if (airports === undefined) {
    airports = new Map()
    windows.set(start, airports)
  }
  let total = airports.get(airport)
  if (total === undefined) {
    total = { airport, flights: 0, delay: 0, maxDelay: Number.NEGATIVE_INFINITY, late: 0 }
    airports.set(airport, total)
  }
  return total
}

async function readParts(dir) {
  const rows = []
  for (const name of (await readdir(dir)).sort()) {
    if (!/^part-.*\.ndjson$/.test(name)) continue
    const text = await readFile(join(dir, name), "utf8")
    for (const [index, line] of text.split("\n").entries()) {
      if (line === "") continue
      try {
        rows.push(JSON.parse(line))
      } catch (cause) {
        throw new Error(`${join(dir, name)}:${index + 1} is no JSON: ${line.slice(0, 100)}`, { cause })
      }
    }
  }
  return rows
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const dir = process.argv[2] ?? "out/airport-delays"
  const { hourlyRows, worstRows, differences, differenceCount } = await compareWithOracle(dir)
  for (const difference of differences) console.log(difference)
  console.log(
    differenceCount === 0
      ? `${dir}: all ${hourlyRows} hourly and ${worstRows} worst rows are as the oracle has them`
      : `${dir}: ${differenceCount} differences among ${hourlyRows} hourly and ${worstRows} worst rows`,
  )
  process.exitCode = differenceCount === 0 ? 0 : 1
}
