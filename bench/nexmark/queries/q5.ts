import { count, defineAggregate, pipeline, sliding, tumbling } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

interface Counted {
  readonly auction: number
  readonly bids: number
  readonly start: number
}

/** Those with the most bids; equals are kept. */
const hottest = defineAggregate({
  create: (): Counted[] => [],
  add: (best, counted: Counted) => atLeast(best, [counted]),
  merge: atLeast,
  result: (best) => best,
})

/** The hottest auctions of the last ten seconds, every two seconds. */
export default pipeline(
  "q5",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, dateTime }) => ({ auction, dateTime })),
      bidTime(params),
    )
      .keyBy((bid) => bid.auction)
      .window(sliding("10s", "2s"))
      .aggregate(
        { bids: count() },
        ({ bids }, { window }, auction): Counted => ({ auction, bids, start: window.start }),
      )
      .name("counts")
      // Results have the time at which their window ends: in two seconds ends one.
      .windowAll(tumbling("2s"))
      .twoPhase()
      .aggregate({ hottest })
      .flatMap((ended) => ended.hottest)
      .pipe(rows(params, ({ auction, bids, start }, row) => row.number(start).number(auction).number(bids)))
  },
  { params: NEXMARK },
)

function atLeast(left: Counted[], right: Counted[]): Counted[] {
  const difference = (left[0]?.bids ?? 0) - (right[0]?.bids ?? 0)
  return difference > 0 ? left : difference < 0 ? right : [...left, ...right]
}
