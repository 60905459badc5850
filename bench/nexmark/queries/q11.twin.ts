import type { Twin } from "../twin.ts"

const GAP_MS = 10_000

export const q11: Twin = (bid, rows) => {
  const sessions = new Map<number, { bids: number; start: number; end: number }>()
  while (bid.next()) {
    const { bidder, dateTime } = bid
    const open = sessions.get(bidder)
    if (open !== undefined && dateTime <= open.end) {
      open.bids += 1
      open.end = dateTime + GAP_MS
    } else {
      if (open !== undefined) rows.begin().number(bidder).number(open.bids).number(open.start).number(open.end)
      sessions.set(bidder, { bids: 1, start: dateTime, end: dateTime + GAP_MS })
    }
  }
  for (const [bidder, { bids, start, end }] of sessions)
    rows.begin().number(bidder).number(bids).number(start).number(end)
}
