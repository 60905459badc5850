import { count, max, mean, min, pipeline, sum } from "millrace"
import { bids } from "../bids.ts"
import { type BidCursor, DAY_MS } from "../cursor.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

interface Bid {
  readonly auction: number
  readonly price: number
  readonly dateTime: number
}

/** The bids of each auction and day in figures, as they stand after each bid. */
export default pipeline(
  "q17",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, price, dateTime }: BidCursor): Bid => ({ auction, price, dateTime })),
      bidTime(params),
    )
      .keyBy((bid) => [bid.auction, Math.floor(bid.dateTime / DAY_MS)])
      .aggregate({
        bids: count(),
        cheap: sum((bid) => (bid.price < 10_000 ? 1 : 0)),
        middling: sum((bid) => (bid.price >= 10_000 && bid.price < 1_000_000 ? 1 : 0)),
        dear: sum((bid) => (bid.price >= 1_000_000 ? 1 : 0)),
        lowest: min((bid) => bid.price),
        highest: max((bid) => bid.price),
        average: mean((bid) => bid.price),
        total: sum((bid) => bid.price),
      })
      .pipe(
        rows(
          params,
          ({ key, bids, cheap, middling, dear, lowest, highest, total }, row) => {
            row.number(key[0]!).number(bids).number(cheap).number(middling).number(dear)
            row.number(lowest).number(highest).number(total)
          },
          ({ key: [auction, day] }) => (day! % 64) * 2 ** 24 + auction!,
        ),
      )
  },
  { params: NEXMARK },
)
