import { KIND } from "./layout.ts"

/**
 * Which event is number e of the auction site, and when: one person, three auctions and 46 bids in every 50 events.
 *
 * Source: Apache Beam, sdks/java/testing/nexmark, GeneratorConfig and the three generators' helpers.
 */
export interface EventRate {
  /** Events per second of event time. */
  readonly perSecond: number
  /** Event time of number 0, epoch ms. */
  readonly baseMs: number
}

/** Beam's: 10,000 a second from 2015-07-15T00:00Z on. */
export const BEAM_RATE: EventRate = { perSecond: 10_000, baseMs: 1_436_918_400_000 }

const CYCLE = 50
const AUCTIONS_PER_CYCLE = 3
/** Ids that are stored begin here. */
export const FIRST_ID = 1_000

/** One of KIND. */
export function kindOf(event: number): number {
  const rest = event % CYCLE
  return rest < 1 ? KIND.person : rest < 1 + AUCTIONS_PER_CYCLE ? KIND.auction : KIND.bid
}

/** The newest person that event `event` may know, counted from 0. */
export function lastPerson(event: number): number {
  return Math.floor(event / CYCLE)
}

/** The newest auction that event `event` may know, counted from 0; -1 before the first. */
export function lastAuction(event: number): number {
  const cycle = Math.floor(event / CYCLE)
  const rest = event % CYCLE
  if (rest < 1) return AUCTIONS_PER_CYCLE * (cycle - 1) + AUCTIONS_PER_CYCLE - 1
  return AUCTIONS_PER_CYCLE * cycle + Math.min(rest - 1, AUCTIONS_PER_CYCLE - 1)
}

/** Time between two events, whole µs. */
export function delayUs({ perSecond }: EventRate): number {
  return Math.floor((1_000_000 + perSecond / 2) / perSecond)
}

export function timeMsOf(event: number, rate: EventRate): number {
  return rate.baseMs + Math.floor((event * delayUs(rate)) / 1_000)
}

/**
 * The number of the n-th event that is emitted: in order for a group size of 1, else shuffled within groups of that many. 953 is
 * prime, so each number of a group comes once, unless the size is a multiple of it.
 */
export function emittedAt(n: number, groupSize: number): number {
  if (groupSize === 1) return n
  return Math.floor(n / groupSize) * groupSize + ((n * 953) % groupSize)
}
