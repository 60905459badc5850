import { pipeline } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

/** The last bid of each bidder on each auction, whenever there is another one: the later wins, of equals the one that came later. */
export default pipeline(
  "q18",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime }) => ({ auction, bidder, price, dateTime })),
      bidTime(params),
    )
      .keyBy((bid) => [bid.bidder, bid.auction])
      .reduce((last, bid) => (bid.dateTime >= last.dateTime ? bid : last))
      .pipe(
        rows(
          params,
          (bid, row) => row.number(bid.auction).number(bid.bidder).number(bid.price).number(bid.dateTime),
          (bid) => bid.bidder * 2 ** 26 + bid.auction,
        ),
      )
  },
  { params: NEXMARK },
)
