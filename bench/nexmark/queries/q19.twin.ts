import type { Twin } from "../twin.ts"

const MOST = 10

interface Bid {
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

export const q19: Twin = (bid, rows) => {
  /** By auction: ids are dense. */
  const tops: Bid[][] = []
  while (bid.next()) {
    const { auction, bidder, price, dateTime } = bid
    const top = tops[auction]
    if (top === undefined) {
      tops[auction] = [{ bidder, price, dateTime }]
      continue
    }
    if (top.length === MOST && price < top[MOST - 1]!.price) continue
    let at = top.length
    while (at > 0 && (price === top[at - 1]!.price ? dateTime < top[at - 1]!.dateTime : price > top[at - 1]!.price))
      at -= 1
    if (at === MOST) continue
    top.splice(at, 0, { bidder, price, dateTime })
    if (top.length > MOST) top.pop()
  }
  for (let auction = 0; auction < tops.length; auction++) {
    const top = tops[auction] ?? []
    for (let index = 0; index < top.length; index++) {
      const { bidder, price, dateTime } = top[index]!
      rows
        .begin()
        .number(auction)
        .number(index + 1)
        .number(bidder)
        .number(price)
        .number(dateTime)
    }
  }
}
