import { count, type Sink, type Stream, tumbling } from "millrace"
import { rows } from "../nexmark/rows.ts"
import type { Views } from "./ad-events.ts"
import { clockMs, writeViews, type YsbParams } from "./ysb-params.ts"

/** Counts the views of each campaign every ten seconds, and ends the stream. */
export function viewsPerCampaign(params: YsbParams) {
  return (views: Stream<{ readonly campaign: string }>): void => {
    const counted = views
      .keyBy((view) => view.campaign)
      .window(tumbling("10s"))
      .aggregate(
        { views: count() },
        ({ views }, { window }, campaign): Views => ({ campaign, start: window.start, views }),
      )
    if (params.rate === 0) counted.pipe(rows(params, writeViews))
    else counted.to(latencySink(params)).parallelism(1)
  }
}

/** Notes how long after its window's end a row comes. What the end of the input makes of a window comes before its end, and is left out. */
function latencySink({ latencies }: YsbParams): Sink<Views> {
  const found = new Float64Array(latencies)
  return {
    label: "latencies",
    writer: () => ({
      write(rows) {
        for (const { start } of rows) {
          const latencyMs = clockMs() - (start + 10_000)
          if (latencyMs < 0) continue
          found[0]! += 1
          found[found[0]!] = latencyMs
        }
      },
    }),
  }
}
