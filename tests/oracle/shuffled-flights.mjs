// Writes the flights out of order, but no further than a bound, for tests of event time.
//
//   node tests/oracle/shuffled-flights.mjs out/shuffled.ndjson [rows] [bound in ms] [seed]
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { mkdir } from "node:fs/promises"
import { dirname } from "node:path"
import { finished } from "node:stream/promises"
import { pathToFileURL } from "node:url"
import { seededRandom } from "../../scripts/seeded-random.mjs"
import { readFlights } from "./read-flights.mjs"

const LINES_PER_WRITE = 4096

/**
 * Writes flights as NDJSON (`{ date, delay, distance, origin, destination }`, date in epoch ms), shuffled: each is put off
 * by a random time below `boundMs`, then all are sorted by that. So a flight comes less than `boundMs` of event time after
 * a newer one, and one seed always writes the same bytes.
 *
 * @param {{ path: string, rows?: number, boundMs?: number, seed?: number }} options `rows`: only the first ones of the file
 * @returns {Promise<{ rows: number, outOfOrder: number, maxLatenessMs: number }>} what came of it, measured: how many flights
 * are behind a newer one, and the furthest that any of them is behind
 */
export async function writeShuffledFlights({ path, rows, boundMs = 3_600_000, seed = 1 }) {
  const random = seededRandom(seed)
  /** @type {{ at: number, date: number, line: string }[]} */
  const flights = []
  await readFlights(
    ({ date, delay, distance, origin, destination }) => {
      for (let row = 0; row < date.length; row++) {
        const flight = {
          date: date[row],
          delay: delay[row],
          distance: distance[row],
          origin: origin[row],
          destination: destination[row],
        }
        flights.push({ at: date[row] + Math.floor(random() * boundMs), date: date[row], line: JSON.stringify(flight) })
      }
    },
    { ...(rows === undefined ? {} : { rows }) },
  )
  flights.sort((a, b) => a.at - b.at)

  await mkdir(dirname(path), { recursive: true })
  const file = createWriteStream(path)
  for (let start = 0; start < flights.length; start += LINES_PER_WRITE) {
    const lines = flights.slice(start, start + LINES_PER_WRITE).map(({ line }) => `${line}\n`)
    if (!file.write(lines.join(""))) await once(file, "drain")
  }
  file.end()
  await finished(file)
  return { rows: flights.length, ...disorder(flights) }
}

function disorder(flights) {
  let outOfOrder = 0
  let maxLatenessMs = 0
  let newest = Number.NEGATIVE_INFINITY
  for (const { date } of flights) {
    if (date < newest) {
      outOfOrder++
      maxLatenessMs = Math.max(maxLatenessMs, newest - date)
    }
    newest = Math.max(newest, date)
  }
  return { outOfOrder, maxLatenessMs }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [path = "out/shuffled-flights.ndjson", rows, boundMs, seed] = process.argv.slice(2)
  const options = { path }
  if (rows !== undefined) options.rows = Number(rows)
  if (boundMs !== undefined) options.boundMs = Number(boundMs)
  if (seed !== undefined) options.seed = Number(seed)
  const facts = await writeShuffledFlights(options)
  console.log(
    `${path}: ${facts.rows} flights, ${facts.outOfOrder} of them out of order, by at most ${facts.maxLatenessMs} ms`,
  )
}
