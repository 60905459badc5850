import { type EventRate, FIRST_ID, kindOf, lastAuction, lastPerson, timeMsOf } from "./event-numbers.ts"
import { JavaRandom } from "./java-random.ts"
import { AUCTION, BID, KIND, PERSON } from "./layout.ts"
import type { RecordWriter } from "./record-writer.ts"

/**
 * Makes the events of Beam's Nexmark, byte for byte: each from its number alone, since the random numbers are seeded with it.
 *
 * Hot spots: half of all bids go to one auction, which changes every 1,667 events; three quarters of bids come from one bidder, and
 * of auctions from one seller, both of which change every 5,000 events. A bid or a seller may name an id that does not exist yet.
 * The order of the draws is part of the specification. Texts go straight into the corpus: strings would cost three times as much.
 * Source: Apache Beam, sdks/java/testing/nexmark.
 */
export class NexmarkGenerator {
  readonly #random = new JavaRandom()
  readonly #rate: EventRate
  readonly #out: RecordWriter

  constructor(rate: EventRate, out: RecordWriter) {
    this.#rate = rate
    this.#out = out
  }

  /** Writes event `number`. */
  write(number: number): void {
    this.#random.seed(number)
    const dateTime = timeMsOf(number, this.#rate)
    const kind = kindOf(number)
    if (kind === KIND.bid) this.#bid(number, dateTime)
    else if (kind === KIND.auction) this.#auction(number, dateTime)
    else this.#person(number, dateTime)
    this.#out.end()
  }

  #person(number: number, dateTime: number): void {
    const out = this.#out
    out.begin(KIND.person, dateTime, PERSON)
    out.integer(PERSON.id, lastPerson(number) + FIRST_ID)
    out.characters(`${this.#pick(FIRST_NAMES)} ${this.#pick(LAST_NAMES)}`)
    let size = 8 + out.endText()
    this.#text(7)
    out.characters("@")
    this.#text(5)
    out.characters(".com")
    size += out.endText()
    for (let part = 0; part < 4; part++) {
      out.characters(`${part === 0 ? "" : " "}${String(this.#random.nextBelow(10_000)).padStart(4, "0")}`)
    }
    size += out.endText()
    for (const list of [CITIES, STATES]) {
      out.characters(this.#pick(list))
      size += out.endText()
    }
    this.#extra(size, 200)
    out.endText()
  }

  #auction(number: number, dateTime: number): void {
    const out = this.#out
    const random = this.#random
    out.begin(KIND.auction, dateTime, AUCTION)
    out.integer(AUCTION.id, lastAuction(number) + FIRST_ID)
    const seller = random.nextBelow(4) > 0 ? hot(lastPerson(number)) : this.#anyPerson(number)
    out.integer(AUCTION.seller, seller + FIRST_ID)
    out.integer(AUCTION.category, 10 + random.nextBelow(5))
    const initialBid = this.#price()
    out.integer(AUCTION.initialBid, initialBid)
    out.float(AUCTION.expires, dateTime + this.#auctionLengthMs(number, dateTime))
    this.#text(20)
    let size = 8 + out.endText() + 40
    this.#text(100)
    size += out.endText()
    out.integer(AUCTION.reserve, initialBid + this.#price())
    this.#extra(size, 500)
    out.endText()
  }

  #bid(number: number, dateTime: number): void {
    const out = this.#out
    const random = this.#random
    out.begin(KIND.bid, dateTime, BID_TEXT)
    const auction = random.nextBelow(2) > 0 ? hot(lastAuction(number)) : this.#anyAuction(number)
    out.integer(BID.auction, auction + FIRST_ID)
    const bidder = random.nextBelow(4) > 0 ? hot(lastPerson(number)) + 1 : this.#anyPerson(number)
    out.integer(BID.bidder, bidder + FIRST_ID)
    out.integer(BID.price, this.#price())
    out.integer(BID.extraLength, 0)
    this.#extra(32, 100)
    out.endText()
  }

  /** One of the newest 1,000, or one of the ten that come next. */
  #anyPerson(number: number): number {
    const people = lastPerson(number) + 1
    const active = Math.min(people, 1_000)
    return people - active + this.#random.nextBelow(active + 10)
  }

  /** One of the newest 100, or one of the ten that come next. */
  #anyAuction(number: number): number {
    const last = lastAuction(number)
    const first = Math.max(last - 100, 0)
    return first + this.#random.nextBelow(last - first + 1 + 10)
  }

  /** So long that about 100 auctions are open at a time. */
  #auctionLengthMs(number: number, dateTime: number): number {
    const horizonMs = timeMsOf(number + EVENTS_OF_OPEN_AUCTIONS, this.#rate) - dateTime
    return 1 + this.#random.nextBelow(Math.max(horizonMs * 2, 1))
  }

  /** Cents: 100 to 100,000,000, each power of ten as often as the others. */
  #price(): number {
    return Math.round(10 ** (this.#random.nextDouble() * 6) * 100)
  }

  #pick(list: readonly string[]): string {
    return list[this.#random.nextBelow(list.length)]!
  }

  /** Small letters and spaces, from 3 up to `longest`, which is left out; without spaces at the ends. */
  #text(longest: number): void {
    const random = this.#random
    const from = this.#out.position
    for (let left = 3 + random.nextBelow(longest - 3); left > 0; left--) {
      this.#out.character(random.nextBelow(13) === 0 ? SPACE : A + random.nextBelow(26))
    }
    this.#out.trim(from)
  }

  /** Fills an event of `size` bytes up to about `average`. */
  #extra(size: number, average: number): void {
    if (size > average) return
    const wanted = average - size
    const delta = Math.round(wanted * 0.2)
    const length = wanted - delta + (delta === 0 ? 0 : this.#random.nextBelow(2 * delta))
    // Six characters of each number; those of a negative one lie before "a".
    for (let drawn = 0, rest = 0; drawn < length; drawn++) {
      if (drawn % 6 === 0) rest = this.#random.nextInt()
      this.#out.character(A + ((rest % 26) | 0))
      rest = (rest / 26) | 0
    }
  }
}

const A = 97
const SPACE = 32
/** Event time that Beam lets pass for 100 auctions to open: 100 x 50 / 3 events. */
const EVENTS_OF_OPEN_AUCTIONS = 1_666
const BID_TEXT = { lengths: BID.extraLength, texts: BID.extra }
const FIRST_NAMES = "Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter".split(" ")
const LAST_NAMES = "Shultz Abrams Spencer White Bartels Walton Smith Jones Noris".split(" ")
const CITIES = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",")
const STATES = "AZ CA ID OR WA WY".split(" ")

/** The last hundredth id. */
function hot(last: number): number {
  return Math.floor(last / 100) * 100
}
