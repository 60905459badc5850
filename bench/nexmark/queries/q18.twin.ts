import type { Twin } from "../twin.ts"

export const q18: Twin = (bid, rows) => {
  const last = new Map<number, { price: number; dateTime: number }>()
  while (bid.next()) {
    const { auction, bidder, price, dateTime } = bid
    const key = bidder * 2 ** 26 + auction
    let held = last.get(key)
    if (held === undefined) {
      held = { price, dateTime }
      last.set(key, held)
    } else if (dateTime >= held.dateTime) {
      held.price = price
      held.dateTime = dateTime
    }
    rows.begin(key).number(auction).number(bidder).number(held.price).number(held.dateTime)
  }
}
