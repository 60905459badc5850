import { count, pipeline, session } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

/** Bids of each bidder while they are active: no ten seconds without one. */
export default pipeline(
  "q11",
  ({ source, params }) => {
    source(
      bids(params, ({ bidder, dateTime }) => ({ bidder, dateTime })),
      bidTime(params),
    )
      .keyBy((bid) => bid.bidder)
      .window(session("10s"))
      .aggregate({ bids: count() })
      .pipe(
        rows(params, ({ key, bids, window }, row) =>
          row.number(key).number(bids).number(window.start).number(window.end),
        ),
      )
  },
  { params: NEXMARK },
)
