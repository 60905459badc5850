/** The main job with one weak spot: a worker whose file `params.kill` appears dies at once, as by a crash. */
import { renameSync } from "node:fs"
import { pipeline } from "millrace"
import { parquet } from "millrace/parquet"
import { describeDelays, type Flight } from "../examples/airport-delays.ts"

/** Flights between two looks for the file. */
const LOOK_EVERY = 512

export default pipeline(
  "airport-delays-demo",
  ({ source, params }) => {
    let seen = 0
    const flights = source(parquet<Flight>(params.input, { columns: ["date", "delay", "origin"] }), {
      time: (flight) => flight.date,
      outOfOrder: "1h",
    })
      .name("flights")
      .tap(() => {
        seen += 1
        if (params.kill !== "" && seen % LOOK_EVERY === 0 && taken(params.kill)) process.exit(1)
      })
      .name("weak-spot")
    describeDelays(flights, params.out)
  },
  { params: { input: "node_modules/vega-datasets/data/flights-3m.parquet", out: "out/demo-recovery", kill: "" } },
)

/** One worker alone gets it. */
function taken(file: string): boolean {
  try {
    renameSync(file, `${file}.done`)
    return true
  } catch {
    return false
  }
}
