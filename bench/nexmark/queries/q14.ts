import { pipeline } from "millrace"
import { bids } from "../bids.ts"
import { bidTime, NEXMARK } from "../query-params.ts"
import { rows } from "../rows.ts"

/** Bids of a middling price in another currency, with the time of day in words, and how often there is a "c" in their text. */
export default pipeline(
  "q14",
  ({ source, params }) => {
    source(
      bids(params, ({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price, dateTime, extra })),
      bidTime(params),
    )
      .map((bid) => ({ ...bid, price: bid.price * 908 }))
      .filter((bid) => bid.price > 1e9 && bid.price < 5e10)
      .map(({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price,
        timeOfDay: timeOfDay(dateTime),
        dateTime,
        cs: countOf("c", extra),
      }))
      .pipe(
        rows(params, ({ auction, bidder, price, timeOfDay, dateTime, cs }, row) =>
          row.number(auction).number(bidder).number(price).text(timeOfDay).number(dateTime).number(cs),
        ),
      )
  },
  { params: NEXMARK },
)

/** In UTC. */
export function timeOfDay(dateTime: number): string {
  const hour = Math.floor(dateTime / 3_600_000) % 24
  if (hour >= 8 && hour <= 18) return "dayTime"
  return hour <= 6 || hour >= 20 ? "nightTime" : "otherTime"
}

function countOf(character: string, text: string): number {
  let count = 0
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count += 1
  return count
}
