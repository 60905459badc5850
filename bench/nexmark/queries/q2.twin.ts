import type { Twin } from "../twin.ts"

export const q2: Twin = (bid, rows) => {
  while (bid.next()) if (bid.auction % 123 === 0) rows.begin().number(bid.auction).number(bid.price)
}
