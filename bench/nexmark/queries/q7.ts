import { defineAggregate, pipeline, sliding } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

const SIZE_MS = 10_000

/** The highest bids, and those at a window's edge: they count as its highest, or they do not, when the window is known. */
const highest = defineAggregate({
  create: () => ({ best: [] as Bid[], edges: [] as Bid[] }),
  add(sum, bid: Bid) {
    if (bid.dateTime % SIZE_MS === 0) sum.edges.push(bid)
    else if (sum.best.length === 0 || bid.price > sum.best[0]!.price) sum.best = [bid]
    else if (bid.price === sum.best[0]!.price) sum.best.push(bid)
    return sum
  },
  merge: (left, right) => ({ best: atLeast(left.best, right.best), edges: [...left.edges, ...right.edges] }),
  result: (sum) => sum,
})

/**
 * The highest bids of each ten seconds. The query joins bids with the highest price of [start, end) where their time is from start
 * to end, both included: so windows hold their end too.
 */
export default pipeline(
  "q7",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime }): Bid => ({ auction, bidder, price, dateTime })),
      bidTime(params),
    )
      .windowAll(sliding(SIZE_MS + 1, SIZE_MS))
      .twoPhase()
      .aggregate({ highest })
      .flatMap(({ window, highest: { best, edges } }) => {
        const isInside = (bid: Bid): boolean => bid.dateTime < window.start + SIZE_MS
        const inside = [...best, ...edges.filter(isInside)]
        const price = Math.max(...inside.map((bid) => bid.price))
        return [...best, ...edges].filter((bid) => bid.price === price)
      })
      .pipe(
        rows(params, (bid, row) => row.number(bid.auction).number(bid.price).number(bid.bidder).number(bid.dateTime)),
      )
  },
  { params: NEXMARK },
)

function atLeast(left: Bid[], right: Bid[]): Bid[] {
  const difference = (left[0]?.price ?? 0) - (right[0]?.price ?? 0)
  return difference > 0 ? left : difference < 0 ? right : [...left, ...right]
}
