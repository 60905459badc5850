import { pipeline } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

/** Auction and price of the bids on every 123rd auction. */
export default pipeline(
  "q2",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, price, dateTime }) => ({ auction, price, dateTime })),
      bidTime(params),
    )
      .filter((bid) => bid.auction % 123 === 0)
      .pipe(rows(params, (bid, row) => row.number(bid.auction).number(bid.price)))
  },
  { params: NEXMARK },
)
