import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** An event as the Yahoo streaming benchmark has it; times are texts. */
export interface AdEvent {
  readonly user_id: string
  readonly page_id: string
  readonly ad_id: string
  readonly ad_type: string
  readonly event_type: string
  /** Epoch ms. */
  readonly event_time: string
  readonly ip_address: string
}

/** The same with nothing left to parse. */
export interface ParsedAdEvent {
  /** Index of its ad. */
  readonly ad: number
  readonly type: number
  readonly time: number
}

export interface AdEventsOptions {
  readonly events: number
  /** Of event time. */
  readonly perSecond: number
}

const BASE_MS = 1_700_000_000_000
const CAMPAIGNS = 100
const ADS_PER_CAMPAIGN = 10
const TYPES = ["view", "click", "purchase"]
export const VIEW = 0
const AD_TYPES = ["banner", "modal", "sponsored-search", "mail", "mobile"]

/** Scrambles a number into 32 even bits (Steele and others, SplittableRandom: the finaliser of MurmurHash3). */
function scramble(n: number): number {
  let bits = Math.imul(n ^ (n >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

function uuid(kind: number, index: number): string {
  const part = (at: number): string =>
    scramble(kind * 1_000_003 + index * 17 + at)
      .toString(16)
      .padStart(8, "0")
  const text = part(1) + part(2) + part(3) + part(4)
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-")
}

const ids = (kind: number, count: number): string[] => Array.from({ length: count }, (_, index) => uuid(kind, index))
const USERS = ids(1, 100)
const PAGES = ids(2, 100)
const ADS = ids(3, CAMPAIGNS * ADS_PER_CAMPAIGN)
const CAMPAIGN_IDS = ids(4, CAMPAIGNS)

/** The campaigns table: the campaign of each ad, by its id. */
export const CAMPAIGN_OF_AD: ReadonlyMap<string, string> = new Map(
  ADS.map((ad, index) => [ad, CAMPAIGN_IDS[Math.floor(index / ADS_PER_CAMPAIGN)]!]),
)
/** The same, by its index. */
export const CAMPAIGN_OF_INDEX: readonly string[] = ADS.map((ad) => CAMPAIGN_OF_AD.get(ad)!)

/** Event `n`, without its texts. */
export function parsedEvent(n: number, perSecond: number): ParsedAdEvent {
  const drawn = scramble(n)
  return {
    ad: drawn % ADS.length,
    type: scramble(drawn) % TYPES.length,
    time: BASE_MS + Math.floor((n * 1_000) / perSecond),
  }
}

function jsonOf(n: number, perSecond: number): string {
  const { ad, type, time } = parsedEvent(n, perSecond)
  const drawn = scramble(n ^ 0x5bd1_e995)
  const event: AdEvent = {
    user_id: USERS[drawn % 100]!,
    page_id: PAGES[(drawn >>> 8) % 100]!,
    ad_id: ADS[ad]!,
    ad_type: AD_TYPES[(drawn >>> 16) % AD_TYPES.length]!,
    event_type: TYPES[type]!,
    event_time: String(time),
    ip_address: "1.2.3.4",
  }
  return JSON.stringify(event)
}

/** A file of events, a line of JSON each, in the system's temporary folder: made when it is not there. @returns its path */
export function jsonFile({ events, perSecond }: AdEventsOptions): string {
  const folder = join(tmpdir(), "millrace-ysb")
  const path = join(folder, `v1-${events}-${perSecond}.ndjson`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  const partial = `${path}.${process.pid}`
  const fd = openSync(partial, "w")
  for (let from = 0; from < events; from += 1_000) {
    const count = Math.min(1_000, events - from)
    writeSync(fd, Array.from({ length: count }, (_, index) => `${jsonOf(from + index, perSecond)}\n`).join(""))
  }
  closeSync(fd)
  renameSync(partial, path)
  return path
}

/** Bytes of an event in memory: 0 f64 time, 8 u32 ad, 12 u32 type. */
export const EVENT_BYTES = 16

/** The events with nothing left to parse, in memory that threads share. */
export function parsedEvents({ events, perSecond }: AdEventsOptions): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(events * EVENT_BYTES)
  const floats = new Float64Array(buffer)
  const ints = new Int32Array(buffer)
  for (let n = 0; n < events; n++) {
    const { ad, type, time } = parsedEvent(n, perSecond)
    floats[2 * n] = time
    ints[4 * n + 2] = ad
    ints[4 * n + 3] = type
  }
  return buffer
}

/** Views of a campaign in a window. */
export interface Views {
  readonly campaign: string
  readonly start: number
  readonly views: number
}

export const WINDOW_MS = 10_000

/** What every window must have: counted from the events as they are made. */
export function recount({ events, perSecond }: AdEventsOptions): Views[] {
  const windows = new Map<number, Map<string, number>>()
  for (let n = 0; n < events; n++) {
    const { ad, type, time } = parsedEvent(n, perSecond)
    if (type !== VIEW) continue
    const start = time - (time % WINDOW_MS)
    const campaigns = windows.get(start) ?? new Map<string, number>()
    windows.set(start, campaigns)
    const campaign = CAMPAIGN_OF_INDEX[ad]!
    campaigns.set(campaign, (campaigns.get(campaign) ?? 0) + 1)
  }
  return [...windows].flatMap(([start, campaigns]) =>
    [...campaigns].map(([campaign, views]) => ({ campaign, start, views })),
  )
}
