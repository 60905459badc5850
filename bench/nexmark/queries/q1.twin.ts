import type { Twin } from "../twin.ts"

export const q1: Twin = (bid, rows) => {
  while (bid.next()) {
    rows
      .begin()
      .number(bid.auction)
      .number(bid.bidder)
      .number(bid.price * 908)
      .number(bid.dateTime)
  }
}
