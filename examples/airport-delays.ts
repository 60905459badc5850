/**
 * Airport delays: three million flights of 2001, and two questions about them.
 *
 * 1. How late was each airport in each hour?            -> out/airport-delays/hourly
 * 2. Which ten airports were the worst of each day?     -> out/airport-delays/worst
 *
 *   npx millrace run examples/airport-delays.ts
 *   node examples/airport-delays-table.mjs
 */
import { count, defineAggregate, max, mean, pipeline, type Stream, sum, tumbling } from "millrace"
import { ndjson } from "millrace/files"
import { parquet } from "millrace/parquet"

/** The columns of the file that the job uses. */
export interface Flight {
  /** Scheduled departure, epoch ms. */
  readonly date: number
  /** Minutes; negative when the flight was early. */
  readonly delay: number
  /** Where it started: an airport's code. */
  readonly origin: string
}

interface DailyDelay {
  readonly dayStart: number
  readonly airport: string
  readonly meanDelay: number
  readonly flights: number
}

/** Later than this many minutes counts as late. */
const LATE_MINUTES = 15
/** Airports with fewer flights on a day are left out of that day's ranking: one late flight would decide. */
const MIN_FLIGHTS = 30
const WORST = 10

// An aggregate of our own: the ten worst airport-days, worst first. It keeps ten at most, however many it is given. Ties
// are broken by the airport's code, so that the result never depends on the order in which records arrive.
const worstTen = defineAggregate({
  create: (): DailyDelay[] => [],
  add: (worst: DailyDelay[], next: DailyDelay) => keepWorst([...worst, next]),
  merge: (left: DailyDelay[], right: DailyDelay[]) => keepWorst([...left, ...right]),
  result: (worst: DailyDelay[]) => worst,
})

function keepWorst(delays: DailyDelay[]): DailyDelay[] {
  return delays.sort((a, b) => b.meanDelay - a.meanDelay || (a.airport < b.airport ? -1 : 1)).slice(0, WORST)
}

export default pipeline(
  "airport-delays",
  ({ source, params }) => {
    // Only the columns that are used: what is not read costs nothing, here or on the way between the threads. The time of
    // a record is a part of it, not the moment at which it is read; up to an hour of disorder is waited for.
    source(parquet<Flight>(params.input, { columns: ["date", "delay", "origin"] }), {
      time: (flight) => flight.date,
      outOfOrder: "1h",
    })
      .name("flights")
      .pipe((flights) => describeDelays(flights, params.out))
  },
  { params: { input: "node_modules/vega-datasets/data/flights-3m.parquet", out: "out/airport-delays" } },
)

/** Both answers, from flights wherever they come from: a function of a stream is how pipelines share their parts. */
export function describeDelays(flights: Stream<Flight>, out: string): void {
  // keyBy sends all flights of an airport to the same thread; there, each airport has its own windows.
  const hours = flights
    .keyBy((flight) => flight.origin)
    .window(tumbling("1h"))
    .aggregate({
      flights: count(),
      totalDelay: sum((flight) => flight.delay),
      meanDelay: mean((flight) => flight.delay),
      maxDelay: max((flight) => flight.delay),
      lateShare: mean((flight) => (flight.delay > LATE_MINUTES ? 1 : 0)),
    })
    .name("hours")

  hours
    .map(({ key, window, flights, meanDelay, maxDelay, lateShare }) => ({
      airport: key,
      windowStart: new Date(window.start).toISOString(),
      flights,
      meanDelay,
      maxDelay,
      lateShare,
    }))
    .to(ndjson(`${out}/hourly`))
    .name("hourly")

  // A day is the sum of its hours: adding up 424,259 hourly results is cheaper than sending 3,000,000 flights between
  // the threads once more. Totals are added, never means of means. A window's result carries the time of the window's
  // last millisecond, so that each hour falls into its own day.
  const days = hours
    .keyBy((hour) => hour.key)
    .window(tumbling("1d"))
    .aggregate({
      flights: sum((hour) => hour.flights),
      totalDelay: sum((hour) => hour.totalDelay),
    })
    .name("days")

  // Ranking needs all airports of a day in one place: the day becomes the key.
  days
    .filter((day) => day.flights >= MIN_FLIGHTS)
    .map(
      ({ key, window, flights, totalDelay }): DailyDelay => ({
        dayStart: window.start,
        airport: key,
        meanDelay: totalDelay / flights,
        flights,
      }),
    )
    .keyBy((daily) => daily.dayStart)
    .window(tumbling("1d"))
    .aggregate({ worst: worstTen })
    .name("ranking")
    .flatMap(({ key, worst }) =>
      worst.map(({ airport, meanDelay, flights }, index) => ({
        day: new Date(key).toISOString().slice(0, 10),
        rank: index + 1,
        airport,
        meanDelay,
        flights,
      })),
    )
    .to(ndjson(`${out}/worst`))
    .name("worst")
}
