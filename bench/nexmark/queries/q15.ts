import { type Aggregate, count, countDistinct, pipeline } from "millrace"
import { bids } from "../bids.ts"
import { type BidCursor, DAY_MS } from "../cursor.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

/** The aggregate of those bids alone that `takes` takes. */
function only<A, R>(takes: (bid: Bid) => boolean, aggregate: Aggregate<Bid, A, R>): Aggregate<Bid, A, R> {
  return { ...aggregate, add: (sum, bid) => (takes(bid) ? aggregate.add(sum, bid) : sum) }
}

const cheap = (bid: Bid): boolean => bid.price < 10_000
const middling = (bid: Bid): boolean => bid.price >= 10_000 && bid.price < 1_000_000
const dear = (bid: Bid): boolean => bid.price >= 1_000_000
const bidders = countDistinct((bid: Bid) => bid.bidder)
const auctions = countDistinct((bid: Bid) => bid.auction)

/** How many bids, bidders and auctions a day has, in all and by price, as they stand after each bid. */
export default pipeline(
  "q15",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime }: BidCursor): Bid => ({ auction, bidder, price, dateTime })),
      bidTime(params),
    )
      .keyBy((bid) => Math.floor(bid.dateTime / DAY_MS))
      .aggregate({
        bids: count(),
        cheapBids: only(cheap, count()),
        middlingBids: only(middling, count()),
        dearBids: only(dear, count()),
        bidders,
        cheapBidders: only(cheap, bidders),
        middlingBidders: only(middling, bidders),
        dearBidders: only(dear, bidders),
        auctions,
        cheapAuctions: only(cheap, auctions),
        middlingAuctions: only(middling, auctions),
        dearAuctions: only(dear, auctions),
      })
      .pipe(
        rows(
          params,
          (day, row) => {
            row.number(day.bids).number(day.cheapBids).number(day.middlingBids).number(day.dearBids)
            row.number(day.bidders).number(day.cheapBidders).number(day.middlingBidders).number(day.dearBidders)
            row.number(day.auctions).number(day.cheapAuctions).number(day.middlingAuctions).number(day.dearAuctions)
          },
          (day) => day.key,
        ),
      )
  },
  { params: NEXMARK },
)
