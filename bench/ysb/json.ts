import { readFileSync } from "node:fs"
import { generate, pipeline } from "millrace"
import { ndjson } from "millrace/files"
import { type AdEvent, CAMPAIGN_OF_AD } from "./ad-events.ts"
import { viewsPerCampaign } from "./views-per-campaign.ts"
import { clockMs, noted, YSB, type YsbParams } from "./ysb-params.ts"

/** The benchmark as it is written down: lines of JSON in, views of each campaign in ten seconds out. */
export default pipeline(
  "ysb-json",
  ({ source, params }) => {
    const events = params.rate === 0 ? ndjson<AdEvent>(params.file) : paced(params)
    source(noted(events, params), { time: (event) => Number(event.event_time) })
      .filter((event) => event.event_type === "view")
      .map(({ ad_id, event_time }) => ({ ad_id, event_time }))
      .map(({ ad_id, event_time }) => ({ campaign: CAMPAIGN_OF_AD.get(ad_id)!, event_time }))
      .pipe(viewsPerCampaign(params))
  },
  { params: YSB },
)

/** The lines again and again, each at its instant, which is its time whenever it really comes. */
function paced({ file, rate, count }: YsbParams) {
  // Before the first record is due: its instant is where all others are counted from.
  const lines = readFileSync(file, "utf8").trimEnd().split("\n")
  let startMs = 0
  return generate({
    count,
    rate,
    splits: 1,
    record: (n): AdEvent => {
      if (startMs === 0) startMs = clockMs()
      const event = JSON.parse(lines[n % lines.length]!) as AdEvent
      return { ...event, event_time: String(startMs + (n * 1_000) / rate) }
    },
  })
}
