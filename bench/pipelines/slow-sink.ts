/** A source that could give millions per second, a hash exchange, and a sink whose delay per record can be changed from outside. */
import { generate, pipeline, type Sink } from "millrace"

/** Word 0: delay per record in microseconds. */
function slowSink(control: Int32Array): Sink<unknown> {
  return {
    label: "slow sink",
    writer: () => ({
      write(values) {
        const delayMs = (values.length * Atomics.load(control, 0)) / 1000
        if (delayMs === 0) return undefined
        return new Promise<void>((resolve) => {
          setTimeout(resolve, delayMs)
        })
      },
    }),
  }
}

export default pipeline(
  "slow-sink",
  ({ source, params }) => {
    const control = new Int32Array(params.control)
    source(generate({ record: (n) => ({ n, key: n % 1000, text: "some text that travels with the record" }) }))
      .name("fast")
      .keyBy((record) => record.key)
      .process<{ n: number }>({ onRecord: (record, ctx) => ctx.emit({ n: record.n }) })
      .name("pass")
      .rebalance()
      .to(slowSink(control))
      .name("slow")
  },
  { params: { control: new SharedArrayBuffer(4) } },
)
