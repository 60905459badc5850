import { AUCTION, BID, KIND, PERSON, RECORD } from "./layout.ts"

/**
 * Goes through the events of a range of a corpus; decodes a field when it is asked for. What it answers is of the event at which it
 * stands: keep values, not the cursor.
 */
export class Cursor {
  readonly #ints: Int32Array
  readonly #floats: Float64Array
  protected readonly bytes: Buffer
  #next: number
  readonly #end: number
  protected at = 0

  constructor(buffer: SharedArrayBuffer, from: number, to: number) {
    this.#ints = new Int32Array(buffer)
    this.#floats = new Float64Array(buffer, 0, buffer.byteLength >>> 3)
    this.bytes = Buffer.from(buffer)
    this.#next = from
    this.#end = to
  }

  /** Where the next event begins. */
  get offset(): number {
    return this.#next
  }

  /** Goes to the next event. @returns false when there is none */
  next(): boolean {
    if (this.#next >= this.#end) return false
    this.at = this.#next
    this.#next += this.integer(RECORD.bytes)
    return true
  }

  /** One of KIND. */
  get kind(): number {
    return this.integer(RECORD.kind)
  }

  get dateTime(): number {
    return this.float(RECORD.dateTime)
  }

  /** All texts of the event, in the order of the layout. */
  texts(): string[] {
    const [lengths, count, texts] = TEXTS[this.kind]!
    const found: string[] = []
    for (let index = 0, from = this.at + texts; index < count; index++) {
      const length = this.bytes.readUInt16LE(this.at + lengths + 2 * index)
      found.push(this.bytes.toString("latin1", from, from + length))
      from += length
    }
    return found
  }

  integer(offset: number): number {
    return this.#ints[(this.at + offset) >> 2]!
  }

  float(offset: number): number {
    return this.#floats[(this.at + offset) >> 3]!
  }
}

/** By kind: where lengths begin, how many there are, and where texts begin. */
const TEXTS: readonly (readonly [number, number, number])[] = [
  [PERSON.lengths, 6, PERSON.texts],
  [AUCTION.lengths, 3, AUCTION.texts],
  [BID.extraLength, 1, BID.extra],
]

export const DAY_MS = 86_400_000

/** Goes through the bids; passes over persons and auctions. */
export class BidCursor extends Cursor {
  override next(): boolean {
    while (super.next()) if (this.kind === KIND.bid) return true
    return false
  }

  get auction(): number {
    return this.integer(BID.auction)
  }

  get bidder(): number {
    return this.integer(BID.bidder)
  }

  /** Cents. */
  get price(): number {
    return this.integer(BID.price)
  }

  get extra(): string {
    const from = this.at + BID.extra
    return this.bytes.toString("latin1", from, from + this.integer(BID.extraLength))
  }

  /** How often a character is in `extra`, without making a string of it. */
  countInExtra(code: number): number {
    const from = this.at + BID.extra
    const to = from + this.integer(BID.extraLength)
    let count = 0
    for (let index = from; index < to; index++) if (this.bytes[index] === code) count += 1
    return count
  }
}
