import type { Twin } from "../twin.ts"

export const q18: Twin = (bid, rows) => {
  const last = new Map<number, { auction: number; bidder: number; price: number; dateTime: number }>()
  while (bid.next()) {
    const { auction, bidder, price, dateTime } = bid
    const key = bidder * 2 ** 26 + auction
    const held = last.get(key)
    if (held === undefined) last.set(key, { auction, bidder, price, dateTime })
    else if (dateTime >= held.dateTime) {
      held.price = price
      held.dateTime = dateTime
    }
  }
  for (const { auction, bidder, price, dateTime } of last.values()) {
    rows.begin().number(auction).number(bidder).number(price).number(dateTime)
  }
}
