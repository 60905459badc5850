import type { Twin } from "../twin.ts"

export const q0: Twin = (bid, rows) => {
  while (bid.next()) {
    rows.begin().number(bid.auction).number(bid.bidder).number(bid.price).number(bid.dateTime).text(bid.extra)
  }
}
