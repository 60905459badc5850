// Shows what examples/airport-delays.ts found:
//
//   node examples/airport-delays-table.mjs [out/airport-delays]
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"

const SHOWN = 10
const dir = join(process.argv[2] ?? "out/airport-delays", "worst")
const rows = await readRows(dir)
const dayCount = new Set(rows.map((row) => row.day)).size

const airports = new Map()
for (const { airport, rank, meanDelay, flights } of rows) {
  const total = airports.get(airport) ?? { airport, days: 0, firstPlaces: 0, flights: 0, delay: 0 }
  total.days++
  if (rank === 1) total.firstPlaces++
  total.flights += flights
  total.delay += meanDelay * flights
  airports.set(airport, total)
}

console.log(`Most often among the ten worst airports of a day (${dayCount} days)\n`)
const byDays = [...airports.values()].sort((a, b) => b.days - a.days || (a.airport < b.airport ? -1 : 1))
table(
  ["airport", "days", "share of days", "as the worst", "mean delay on those days"],
  byDays
    .slice(0, SHOWN)
    .map(({ airport, days, firstPlaces, flights, delay }) => [
      airport,
      String(days),
      `${((100 * days) / dayCount).toFixed(0)} %`,
      String(firstPlaces),
      `${(delay / flights).toFixed(1)} min`,
    ]),
)

console.log("\nThe worst days of any airport\n")
const byDelay = rows.toSorted((a, b) => b.meanDelay - a.meanDelay || (a.day < b.day ? -1 : 1))
table(
  ["day", "airport", "mean delay", "flights"],
  byDelay
    .slice(0, SHOWN)
    .map(({ day, airport, meanDelay, flights }) => [day, airport, `${meanDelay.toFixed(1)} min`, String(flights)]),
)

async function readRows(from) {
  let names
  try {
    names = await readdir(from)
  } catch (error) {
    if (error.code !== "ENOENT") throw error
    console.error(`There is nothing in ${from} yet: run npx millrace run examples/airport-delays.ts first`)
    process.exit(1)
  }
  const parts = names.filter((name) => name.startsWith("part-") && name.endsWith(".ndjson"))
  const texts = await Promise.all(parts.map((name) => readFile(join(from, name), "utf8")))
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== "")).map((line) => JSON.parse(line))
}

/** Prints columns as wide as their widest cell: the first to the left, the others to the right. */
function table(head, lines) {
  const widths = head.map((cell, column) => Math.max(cell.length, ...lines.map((line) => line[column].length)))
  for (const line of [head, widths.map((width) => "-".repeat(width)), ...lines]) {
    console.log(line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "))
  }
}
