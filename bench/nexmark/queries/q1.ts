import { pipeline } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

/** Bids in another currency: 0.908 of the price, exactly, in thousandths of a cent. */
export default pipeline(
  "q1",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime }) => ({ auction, bidder, price, dateTime })),
      bidTime(params),
    )
      .map(({ auction, bidder, price, dateTime }) => ({ auction, bidder, price: price * 908, dateTime }))
      .pipe(
        rows(params, (bid, row) => row.number(bid.auction).number(bid.bidder).number(bid.price).number(bid.dateTime)),
      )
  },
  { params: NEXMARK },
)
