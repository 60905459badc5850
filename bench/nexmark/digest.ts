import { createHash } from "node:crypto"
import type { Corpus } from "./corpus.ts"
import { Cursor } from "./cursor.ts"
import { AUCTION, BID, KIND, PERSON } from "./layout.ts"

/** How many rows there are, and the MD5 of their lines, sorted by bytes, each with its line end. */
export interface Digest {
  readonly rows: number
  readonly md5: string
}

export function digestOf(lines: readonly string[]): Digest {
  const sorted = lines.map((line) => `${line}\n`).sort(byBytes)
  return { rows: lines.length, md5: createHash("md5").update(sorted.join("")).digest("hex") }
}

/** Digest of all events of a corpus, in the order in which they come. */
export function streamDigest(corpus: Corpus): string {
  const hash = createHash("md5")
  const event = new Cursor(corpus.buffer, corpus.offsetOf(0), corpus.end)
  while (event.next()) hash.update(lineOf(event), "latin1")
  return hash.digest("hex")
}

function lineOf(event: Cursor): string {
  const texts = event.texts()
  const integers = (...offsets: number[]): string => offsets.map((offset) => event.integer(offset)).join()
  switch (event.kind) {
    case KIND.bid:
      return `B${integers(BID.auction, BID.bidder, BID.price)},${event.dateTime},${texts[0]}\n`
    case KIND.auction: {
      const [name, description, extra] = texts
      const prices = integers(AUCTION.initialBid, AUCTION.reserve)
      const times = `${event.dateTime},${event.float(AUCTION.expires)}`
      return `A${event.integer(AUCTION.id)},${name},${description},${prices},${times},${integers(AUCTION.seller, AUCTION.category)},${extra}\n`
    }
    default:
      return `P${event.integer(PERSON.id)},${texts.slice(0, 5).join()},${event.dateTime},${texts[5]}\n`
  }
}

/** Lines are ASCII. */
function byBytes(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
