import type { Twin } from "../twin.ts"

const SIZE_MS = 10_000

interface Found {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

export const q7: Twin = (bid, rows) => {
  let end = Number.NEGATIVE_INFINITY
  let highest = 0
  let best: Found[] = []
  /** The window before, whose end may still match. */
  let before = 0
  const write = ({ auction, price, bidder, dateTime }: Found): void => {
    rows.begin().number(auction).number(price).number(bidder).number(dateTime)
  }
  while (bid.next()) {
    const { dateTime, price } = bid
    if (dateTime >= end) {
      for (const found of best) write(found)
      before = highest
      highest = 0
      best = []
      end = dateTime - (dateTime % SIZE_MS) + SIZE_MS
    }
    if (price >= highest || (dateTime === end - SIZE_MS && price === before)) {
      const found = { auction: bid.auction, bidder: bid.bidder, price, dateTime }
      if (dateTime === end - SIZE_MS && price === before) write(found)
      if (price > highest) best = [found]
      else if (price === highest) best.push(found)
      highest = Math.max(highest, price)
    }
  }
  for (const found of best) write(found)
}
