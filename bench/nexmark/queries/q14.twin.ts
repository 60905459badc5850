import type { Twin } from "../twin.ts"
import { timeOfDay } from "./q14.ts"

const C = "c".charCodeAt(0)

export const q14: Twin = (bid, rows) => {
  while (bid.next()) {
    const price = bid.price * 908
    if (price <= 1e9 || price >= 5e10) continue
    rows
      .begin()
      .number(bid.auction)
      .number(bid.bidder)
      .number(price)
      .text(timeOfDay(bid.dateTime))
      .number(bid.dateTime)
      .number(bid.countInExtra(C))
  }
}
