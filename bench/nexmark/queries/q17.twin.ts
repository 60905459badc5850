import { DAY_MS } from "../cursor.ts"
import type { Twin } from "../twin.ts"

interface Figures {
  readonly auction: number
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
      sum = { auction, bids: 0, cheap: 0, middling: 0, dear: 0, lowest: price, highest: price, total: 0 }
      day[auction] = sum
    }
    sum.bids += 1
    if (price < 10_000) sum.cheap += 1
    else if (price < 1_000_000) sum.middling += 1
    else sum.dear += 1
    if (price < sum.lowest) sum.lowest = price
    if (price > sum.highest) sum.highest = price
    sum.total += price
  }
  for (const day of days.values()) {
    for (const sum of day) {
      if (sum === undefined) continue
      const row = rows.begin().number(sum.auction).number(sum.bids).number(sum.cheap).number(sum.middling)
      row.number(sum.dear).number(sum.lowest).number(sum.highest).number(sum.total)
    }
  }
}
