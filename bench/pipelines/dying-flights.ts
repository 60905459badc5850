/**
 * The flights job of examples/ with a weak spot: a worker dies when it is told to. `notes` is shared with who tells it:
 * Int32 0, how to die next (HOW), taken by one worker; Int32 1, how often it is still to die; Float64 1, when it did; Float64 2,
 * when the first record of a later attempt was processed; Int32 6, records processed so far by all attempts, in thousands. Times
 * are epoch ms. So that it does not end before it has died, it takes its time over the last third of its records.
 */
import { pipeline } from "millrace"
import { parquet } from "millrace/parquet"
import { describeDelays, type Flight } from "../../examples/airport-delays.ts"

export const HOW = { live: 0, throw: 1, exit: 2 } as const

const THOUSANDS = 3_000
const WAITS_FROM = (2 * THOUSANDS) / 3

export default pipeline(
  "dying-flights",
  ({ source, params }) => {
    const order = new Int32Array(params.notes)
    const times = new Float64Array(params.notes)
    const builtMs = nowMs()
    let isFirst = true
    let seen = 0
    const flights = source(parquet<Flight>(params.input, { columns: ["date", "delay", "origin"] }), {
      time: (flight) => flight.date,
      outOfOrder: "1h",
    })
      .name("flights")
      .tap(() => {
        if (isFirst) {
          isFirst = false
          // A slow worker of the attempt that died comes to its first record late.
          if (times[2] === 0 && builtMs > times[1]!) times[2] = nowMs()
        }
        seen += 1
        if (seen % 1_000 === 0 && Atomics.add(order, 6, 1) >= WAITS_FROM && order[1]! > 0) Atomics.wait(order, 7, 0, 20)
        if (order[0] === HOW.live) return
        const how = Atomics.exchange(order, 0, HOW.live)
        if (how === HOW.live) return
        times[2] = 0
        times[1] = nowMs()
        if (how === HOW.exit) process.exit(1)
        throw new Error("told to die")
      })
      .name("weak-spot")
    describeDelays(flights, params.out)
  },
  {
    params: {
      input: "node_modules/vega-datasets/data/flights-3m.parquet",
      out: "out/dying-flights",
      notes: new SharedArrayBuffer(32),
    },
  },
)

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
