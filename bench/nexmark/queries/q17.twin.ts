import { DAY_MS } from "../cursor.ts"
import type { Twin } from "../twin.ts"

interface Figures {
  bids: number
  cheap: number
  middling: number
  dear: number
  lowest: number
  highest: number
  total: number
}

export const q17: Twin = (bid, rows) => {
  /** By day, then by auction: ids are dense. */
  const days = new Map<number, Figures[]>()
  while (bid.next()) {
    const { auction, price } = bid
    const number = Math.floor(bid.dateTime / DAY_MS)
    let day = days.get(number)
    if (day === undefined) {
      day = []
      days.set(number, day)
    }
    let sum = day[auction]
    if (sum === undefined) {
      sum = { bids: 0, cheap: 0, middling: 0, dear: 0, lowest: price, highest: price, total: 0 }
      day[auction] = sum
    }
    sum.bids += 1
    if (price < 10_000) sum.cheap += 1
    else if (price < 1_000_000) sum.middling += 1
    else sum.dear += 1
    if (price < sum.lowest) sum.lowest = price
    if (price > sum.highest) sum.highest = price
    sum.total += price
    const row = rows.begin((number % 64) * 2 ** 24 + auction)
    row.number(auction).number(sum.bids).number(sum.cheap).number(sum.middling).number(sum.dear)
    row.number(sum.lowest).number(sum.highest).number(sum.total)
  }
}
