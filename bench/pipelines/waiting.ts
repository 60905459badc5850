/** A job whose source has nothing to give. */
import { count, pipeline, tumbling } from "millrace"

async function* nothing(): AsyncGenerator<{ at: number }> {
  await new Promise(() => {
    // Never: the source waits for input for as long as the job runs.
  })
}

export default pipeline("waiting", ({ source }) => {
  source(nothing(), { time: (record) => record.at })
    .keyBy((record) => record.at)
    .window(tumbling("1s"))
    .aggregate({ records: count() })
    .print()
})
