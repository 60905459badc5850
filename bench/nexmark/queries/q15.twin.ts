import { DAY_MS } from "../cursor.ts"
import type { Twin } from "../twin.ts"

/** Counts, in all and for three ranks; ids are dense, so which of the four have seen one is four bits in an array. */
class Distinct {
  readonly counts = [0, 0, 0, 0]
  #seen = new Uint8Array(1_024)

  add(id: number, rank: number): void {
    if (id >= this.#seen.length) {
      const wider = new Uint8Array(id * 2)
      wider.set(this.#seen)
      this.#seen = wider
    }
    const seen = this.#seen[id]!
    const bits = seen | 1 | (1 << rank)
    if (bits === seen) return
    this.#seen[id] = bits
    if ((seen & 1) === 0) this.counts[0]! += 1
    if ((seen & (1 << rank)) === 0) this.counts[rank]! += 1
  }
}

class Day {
  readonly bids = [0, 0, 0, 0]
  readonly bidders = new Distinct()
  readonly auctions = new Distinct()
  readonly counts = [this.bids, this.bidders.counts, this.auctions.counts]
}

export const q15: Twin = (bid, rows) => {
  const days = new Map<number, Day>()
  while (bid.next()) {
    const { price } = bid
    const number = Math.floor(bid.dateTime / DAY_MS)
    let day = days.get(number)
    if (day === undefined) {
      day = new Day()
      days.set(number, day)
    }
    const rank = price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3
    day.bids[0]! += 1
    day.bids[rank]! += 1
    day.bidders.add(bid.bidder, rank)
    day.auctions.add(bid.auction, rank)
    const row = rows.begin(number)
    for (const counts of day.counts) for (let index = 0; index < 4; index++) row.number(counts[index]!)
  }
}
