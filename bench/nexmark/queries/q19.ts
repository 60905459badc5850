import { pipeline, recordType, valueState } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

const MOST = 10

/** The ten highest bids of each auction with their rank, whenever one changes: of equals the earlier is higher. */
export default pipeline(
  "q19",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime }): Bid => ({ auction, bidder, price, dateTime })),
      bidTime(params),
    )
      .keyBy((bid) => bid.auction)
      .process({
        emits: recordType<{ rank: number; bid: Bid }>(),
        state: { top: valueState<Bid[]>() },
        onRecord(bid, ctx) {
          const top = ctx.state.top.get() ?? []
          let at = top.length
          while (at > 0 && isHigher(bid, top[at - 1]!)) at -= 1
          if (at === MOST) return
          top.splice(at, 0, bid)
          if (top.length > MOST) top.pop()
          ctx.state.top.set(top)
          // Those behind it have moved down by one.
          for (let index = at; index < top.length; index++) ctx.emit({ rank: index + 1, bid: top[index]! })
        },
      })
      .pipe(
        rows(
          params,
          ({ rank, bid }, row) =>
            row.number(bid.auction).number(rank).number(bid.bidder).number(bid.price).number(bid.dateTime),
          ({ rank, bid }) => bid.auction * 16 + rank,
        ),
      )
  },
  { params: NEXMARK },
)

function isHigher(bid: Bid, other: Bid): boolean {
  return bid.price === other.price ? bid.dateTime < other.dateTime : bid.price > other.price
}
