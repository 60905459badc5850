import type { Twin } from "../twin.ts"

const SLIDE_MS = 2_000
const SLICES = 5

/** Bids per auction in slices of two seconds, of which a window has five: each slice is added once and taken off once. */
export const q5: Twin = (bid, rows) => {
  const counts = new Map<number, number>()
  const slices: Map<number, number>[] = []
  let slice = new Map<number, number>()
  let sliceStart = Number.NEGATIVE_INFINITY
  /** The slice has ended, and with it the window that began four slices before. */
  const endSlice = (): void => {
    for (const [auction, bids] of slice) counts.set(auction, (counts.get(auction) ?? 0) + bids)
    slices.push(slice)
    if (slices.length > SLICES) {
      for (const [auction, bids] of slices.shift()!) {
        const left = counts.get(auction)! - bids
        if (left === 0) counts.delete(auction)
        else counts.set(auction, left)
      }
    }
    let most = 1
    for (const bids of counts.values()) if (bids > most) most = bids
    for (const [auction, bids] of counts) {
      if (bids === most) {
        rows
          .begin()
          .number(sliceStart - (SLICES - 1) * SLIDE_MS)
          .number(auction)
          .number(bids)
      }
    }
    sliceStart += SLIDE_MS
    slice = new Map()
  }
  while (bid.next()) {
    const start = bid.dateTime - (bid.dateTime % SLIDE_MS)
    if (sliceStart === Number.NEGATIVE_INFINITY) sliceStart = start
    while (sliceStart < start) endSlice()
    const { auction } = bid
    slice.set(auction, (slice.get(auction) ?? 0) + 1)
  }
  for (let last = 0; last < SLICES; last++) endSlice()
}
