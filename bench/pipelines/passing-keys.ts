/** Keys that come and go: each second of event time has 10,000 of its own, five records each, counted in a window that then is gone. */
import { count, generate, pipeline, type Sink, tumbling } from "millrace"

const KEYS = 10_000
const RECORDS_PER_KEY = 5

/** Takes results and keeps nothing. */
const counting: Sink<unknown> = { label: "count", writer: () => ({ write: () => undefined }) }

export default pipeline("passing-keys", ({ source }) => {
  source(
    generate({
      splits: 1,
      record: (n) => {
        const second = Math.floor(n / (KEYS * RECORDS_PER_KEY))
        return { key: `second ${second} key ${n % KEYS}`, atMs: second * 1000 }
      },
    }),
    { time: (record) => record.atMs },
  )
    .parallelism(1)
    .keyBy((record) => record.key)
    .window(tumbling("1s"))
    .aggregate({ records: count() })
    .to(counting)
})
