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

/** Both sides count their rows and fold every field of each, in any order. */
export class Tally {
  rows = 0
  digest = 0

  add(key: string | number, first: number, second: number): void {
    const keyed =
      typeof key === "number"
        ? key
        : Math.imul(key.length, 31) +
          Math.imul(key.charCodeAt(key.length - 1), 10_007) +
          Math.imul(key.charCodeAt(key.length - 2), 1_009) +
          key.charCodeAt(key.length - 3)
    const mixed = Math.imul(Math.imul(keyed ^ 0x9e3779b1, 0x85ebca6b) ^ first, 0xc2b2ae35)
    this.rows += 1
    this.digest = (this.digest + Math.imul((mixed >>> 15) ^ mixed ^ second, 0x27d4eb2f)) | 0
  }
}

/** What a run writes down outside: number `n` of this list is slot n of a Float64Array. */
export const NOTES = ["rows", "digest", "warmMs", "endMs"] as const
export type Notes = Record<(typeof NOTES)[number], number>
/** Of the input, after which the rate counts as steady: code is compiled by then. */
const WARM = 0.3

/** Notes when the run has warmed up, and when it has read everything. */
export class Stopwatch {
  readonly #notes: Float64Array
  readonly #warmAt: number
  readonly #all: number

  constructor(notes: SharedArrayBuffer, all: number) {
    this.#notes = new Float64Array(notes)
    this.#warmAt = Math.floor(all * WARM)
    this.#all = all
  }

  /** Called now and then with how much has been read. @returns how much may be read before the next call, at most */
  at(read: number): void {
    if (read >= this.#warmAt && this.#notes[2] === 0) this.#notes[2] = performance.now()
    if (read >= this.#all) this.#notes[3] = performance.now()
  }

  tally({ rows, digest }: Tally): void {
    this.#notes[0] = rows
    this.#notes[1] = digest
  }

  /** Of the input, timed as steady. */
  static readonly steady = 1 - WARM
}

export function readNotes(notes: SharedArrayBuffer): Notes {
  const [rows, digest, warmMs, endMs] = new Float64Array(notes)
  return { rows: rows!, digest: digest!, warmMs: warmMs!, endMs: endMs! }
}

/** Tommy Ettinger's mulberry32, public domain. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
