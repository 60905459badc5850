/** The same as a plain program: one loop, one thread, a Map per window. */
import { Tally, writeTally } from "../tax/tally.ts"
import { OUT_OF_ORDER_MS, parseBlock, spanMs } from "./bids.ts"
import type { CostParams } from "./job.ts"

const WINDOW_MS = 1_000

export default function runTwin({ bids, passes, notes }: CostParams): void {
  const tally = new Tally()
  const windows = new Map<number, Map<string, { bids: number; total: number }>>()
  let newestMs = Number.NEGATIVE_INFINITY
  let firedTo = Number.NEGATIVE_INFINITY
  const fire = (upTo: number): void => {
    for (const start of [...windows.keys()].sort((a, b) => a - b)) {
      if (start + WINDOW_MS > upTo) break
      for (const [key, { bids, total }] of windows.get(start)!) tally.add(key, total, bids + start)
      windows.delete(start)
    }
    firedTo = upTo - (upTo % WINDOW_MS)
  }
  for (let pass = 0; pass < passes; pass++) {
    for (let block = 0; block + 1 < bids.starts.length; block++) {
      for (const { timeMs, auction, price } of parseBlock(bids, block, pass * spanMs(bids))) {
        if (timeMs > newestMs) {
          newestMs = timeMs
          if (newestMs - OUT_OF_ORDER_MS >= firedTo + WINDOW_MS) fire(newestMs - OUT_OF_ORDER_MS)
        }
        const start = timeMs - (timeMs % WINDOW_MS)
        if (start < firedTo) throw new Error(`a bid of ${timeMs} came late`)
        let window = windows.get(start)
        if (window === undefined) {
          window = new Map()
          windows.set(start, window)
        }
        const held = window.get(auction)
        if (held === undefined) window.set(auction, { bids: 1, total: price })
        else {
          held.bids += 1
          held.total += price
        }
      }
    }
  }
  fire(Number.POSITIVE_INFINITY)
  writeTally(notes, 0, tally)
}
