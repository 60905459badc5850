import { generate, pipeline, type Source, type Split } from "millrace"
import { CAMPAIGN_OF_INDEX, EVENT_BYTES, type ParsedAdEvent, VIEW } from "./ad-events.ts"
import { viewsPerCampaign } from "./views-per-campaign.ts"
import { clockMs, noted, YSB, type YsbParams } from "./ysb-params.ts"

/** The benchmark without its JSON. */
export default pipeline(
  "ysb-parsed",
  ({ source, params }) => {
    const events = params.rate === 0 ? stored(params.parsed) : paced(params)
    source(noted(events, params), { time: (event) => event.time })
      .filter((event) => event.type === VIEW)
      .map(({ ad, time }) => ({ campaign: CAMPAIGN_OF_INDEX[ad]!, time }))
      .pipe(viewsPerCampaign(params))
  },
  { params: YSB },
)

const BATCH_EVENTS = 1_024
const SPLIT_EVENTS = 50_000

function reader(buffer: SharedArrayBuffer): (n: number) => ParsedAdEvent {
  const floats = new Float64Array(buffer)
  const ints = new Int32Array(buffer)
  return (n) => ({ ad: ints[4 * n + 2]!, type: ints[4 * n + 3]!, time: floats[2 * n]! })
}

/** Events as they are stored, in pieces that are one sequence in time; positions are event numbers. */
function stored(buffer: SharedArrayBuffer): Source<ParsedAdEvent> {
  const events = buffer.byteLength / EVENT_BYTES
  return {
    label: "ad events",
    bounded: true,
    splitsInOrder: true,
    splits({ parallelism }) {
      const size = parallelism === 1 ? Math.max(1, events) : SPLIT_EVENTS
      return Array.from({ length: Math.ceil(events / size) }, (_, index): Split => {
        const from = index * size
        return { id: `events@${from}`, data: { from, to: Math.min(events, from + size) } }
      })
    },
    *read(split, position, { signal }) {
      const { from, to } = split.data as { from: number; to: number }
      const event = reader(buffer)
      for (let n = typeof position === "number" ? position : from; n < to && !signal.aborted; ) {
        const end = Math.min(to, n + BATCH_EVENTS)
        const values: ParsedAdEvent[] = []
        for (; n < end; n++) values.push(event(n))
        yield { values, next: n }
      }
    },
  }
}

/** The events again and again, each at its instant, which is its time whenever it really comes. */
function paced({ parsed, rate, count }: YsbParams) {
  const event = reader(parsed)
  const stored = parsed.byteLength / EVENT_BYTES
  let startMs = 0
  return generate({
    count,
    rate,
    splits: 1,
    record: (n): ParsedAdEvent => {
      if (startMs === 0) startMs = clockMs()
      return { ...event(n % stored), time: startMs + (n * 1_000) / rate }
    },
  })
}
