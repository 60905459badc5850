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
    let top = tops[auction]
    if (top === undefined) {
      top = []
      tops[auction] = top
    }
    let at = top.length
    while (at > 0 && (price === top[at - 1]!.price ? dateTime < top[at - 1]!.dateTime : price > top[at - 1]!.price)) {
      at -= 1
    }
    if (at === MOST) continue
    top.splice(at, 0, { bidder, price, dateTime })
    if (top.length > MOST) top.pop()
    for (let index = at; index < top.length; index++) {
      const moved = top[index]!
      const row = rows
        .begin(auction * 16 + index + 1)
        .number(auction)
        .number(index + 1)
      row.number(moved.bidder).number(moved.price).number(moved.dateTime)
    }
  }
}
