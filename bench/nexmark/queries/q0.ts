import { pipeline } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

/** All bids, as they are: what reading, handing on and writing cost. */
export default pipeline(
  "q0",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price, dateTime, extra })),
      bidTime(params),
    ).pipe(
      rows(params, (bid, row) =>
        row.number(bid.auction).number(bid.bidder).number(bid.price).number(bid.dateTime).text(bid.extra),
      ),
    )
  },
  { params: NEXMARK },
)
