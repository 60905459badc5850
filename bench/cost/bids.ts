/**
 * Bids as lines of JSON, in blocks: what the engine's job and the plain program both parse. Some 1.5 us each.
 * 50,000 a second of event time, up to 100 ms out of order; 10,000 auctions, the first ones the busiest.
 */
export interface Bids {
  readonly bytes: SharedArrayBuffer
  /** Where each block begins; the last is the end. */
  readonly starts: readonly number[]
  readonly count: number
}

export interface Bid {
  readonly timeMs: number
  readonly auction: string
  readonly price: number
}

export const OUT_OF_ORDER_MS = 100
const PER_MS = 50
const PER_BLOCK = 512
const AUCTIONS = 10_000
export const spanMs = ({ count }: Bids): number => count / PER_MS

export function makeBids(count: number): Bids {
  const lines: Buffer[] = []
  const starts: number[] = []
  let offset = 0
  for (let index = 0; index < count; index++) {
    if (index % PER_BLOCK === 0) starts.push(offset)
    const mixed = Math.imul(index ^ 0x9e3779b1, 0x85ebca6b) >>> 0
    const bid = {
      time: 1e12 + Math.floor(index / PER_MS) + (mixed % OUT_OF_ORDER_MS),
      auction: `auction-${Math.floor(AUCTIONS * ((mixed % 65_521) / 65_521) ** 2)}`,
      bidder: mixed % 100_003,
      price: mixed % 10_007,
      channel: ["web", "mobile", "partner"][mixed % 3],
      url: `https://auctions.example/item/${mixed % 7_919}?ref=${mixed % 101}`,
      extra: { currency: "EUR", agent: "Mozilla/5.0", flags: [mixed % 2 === 0, mixed % 5 === 0] },
    }
    const line = Buffer.from(`${JSON.stringify(bid)}\n`, "latin1")
    lines.push(line)
    offset += line.length
  }
  starts.push(offset)
  const bytes = new SharedArrayBuffer(offset)
  const into = Buffer.from(bytes)
  let at = 0
  for (const line of lines) at += line.copy(into, at)
  return { bytes, starts, count }
}

/** Parses the bids of one block. `shiftMs` is added to their times. */
export function parseBlock({ bytes, starts }: Bids, block: number, shiftMs: number): Bid[] {
  const bids: Bid[] = []
  for (const line of Buffer.from(bytes)
    .toString("latin1", starts[block]!, starts[block + 1]!)
    .split("\n")) {
    if (line === "") continue
    const { time, auction, price } = JSON.parse(line) as { time: number; auction: string; price: number }
    bids.push({ timeMs: time + shiftMs, auction, price })
  }
  return bids
}
