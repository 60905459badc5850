import { seededRandom } from "../../src/sim/schedule.ts"

/**
 * Clicks as bytes, one behind the other: what the engine's job and the plain program both read.
 *
 * A click: event time (float64, ms), user (uint32), cents (uint32), length of the page's path (uint8), the path (ASCII).
 * 100,000 a second of event time, each up to 100 ms out of order; 10,000 pages and 100,000 users, the first ones the busiest. The
 * whole is read again and again, each time one span later.
 */
export interface Clicks {
  readonly bytes: SharedArrayBuffer
  readonly count: number
}

/** What a query reads of a click. */
export interface PageClick {
  readonly timeMs: number
  readonly page: string
  readonly cents: number
}

export interface UserClick {
  readonly timeMs: number
  readonly user: number
  readonly cents: number
}

export const OUT_OF_ORDER_MS = 100
const PER_MS = 100
const PAGES = 10_000
const USERS = 100_000
/** Of event time, from one pass over the clicks to the next. */
export const spanMs = ({ count }: Clicks): number => count / PER_MS

const TIME = 0
const USER = 8
const CENTS = 12
const LENGTH = 16
const PATH = 17

export function makeClicks(count: number): Clicks {
  const random = seededRandom(7)
  const pages = Array.from({ length: PAGES }, (_, page) =>
    Buffer.from(page % 4 === 0 ? `/search/${page}` : `/item/${page}`, "latin1"),
  )
  const skewed = (most: number): number => Math.floor(most * random() ** 2)
  const bytes = Buffer.alloc(count * 32)
  let offset = 0
  for (let index = 0; index < count; index++) {
    const path = pages[skewed(PAGES)]!
    bytes.writeDoubleLE(1e12 + Math.floor(index / PER_MS) + Math.floor(OUT_OF_ORDER_MS * random()), offset + TIME)
    bytes.writeUInt32LE(skewed(USERS), offset + USER)
    bytes.writeUInt32LE(Math.floor(random() * 10_000), offset + CENTS)
    bytes.writeUInt8(path.length, offset + LENGTH)
    path.copy(bytes, offset + PATH)
    offset += PATH + path.length
  }
  const shared = new SharedArrayBuffer(offset)
  bytes.copy(Buffer.from(shared), 0, 0, offset)
  return { bytes: shared, count }
}

/** Reads the fields of clicks. */
export class ClickReader {
  readonly #view: DataView
  readonly #bytes: Buffer
  readonly length: number

  constructor({ bytes }: Clicks) {
    this.#view = new DataView(bytes)
    this.#bytes = Buffer.from(bytes)
    this.length = bytes.byteLength
  }

  timeMs(offset: number): number {
    return this.#view.getFloat64(offset + TIME, true)
  }

  user(offset: number): number {
    return this.#view.getUint32(offset + USER, true)
  }

  cents(offset: number): number {
    return this.#view.getUint32(offset + CENTS, true)
  }

  page(offset: number): string {
    return this.#bytes.toString("latin1", offset + PATH, this.next(offset))
  }

  /** Where the click behind this one begins. */
  next(offset: number): number {
    return offset + PATH + this.#view.getUint8(offset + LENGTH)
  }
}

/** Of the input, after which the rate counts as steady: code is compiled by then. */
const WARM = 0.3
/** Of the input that is timed as steady. */
export const STEADY = 1 - WARM

/** Writes down when the run has warmed up, and when it has read everything. */
export class Stopwatch {
  readonly #times: Float64Array
  readonly #warmAt: number
  readonly #all: number

  constructor(memory: SharedArrayBuffer, all: number) {
    this.#times = new Float64Array(memory)
    this.#warmAt = Math.floor(all * WARM)
    this.#all = all
  }

  /** To be called now and then with how many clicks have been read. */
  at(read: number): void {
    if (read >= this.#warmAt && this.#times[0] === 0) this.#times[0] = performance.now()
    if (read >= this.#all) this.#times[1] = performance.now()
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(16)
  }

  /** Between the two, ms. */
  static steadyMs(memory: SharedArrayBuffer): number {
    const [warmMs, endMs] = new Float64Array(memory)
    return endMs! - warmMs!
  }
}
