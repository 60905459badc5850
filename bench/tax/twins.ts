/**
 * The queries as plain programs over the same bytes: one loop each, a Map per question, windows fired by a watermark. What one
 * would write who needs nothing else: no checkpoints, no second core, no other query.
 */
import { ClickReader, type Clicks, OUT_OF_ORDER_MS, Stopwatch, spanMs } from "./clicks.ts"
import type { Query, TaxParams } from "./jobs.ts"
import { Tally, writeTally } from "./tally.ts"

const WINDOW_MS = 1_000
const SLIDING_MS = 10_000

export default function runTwin({ query, clicks, passes, tally, times }: TaxParams): void {
  writeTally(tally, 0, TWINS[query](clicks, passes, new Stopwatch(times, clicks.count * passes)))
}

const TWINS: Record<Query, (clicks: Clicks, passes: number, watch: Stopwatch) => Tally> = {
  "map-filter": mapFilter,
  count: (clicks, passes, watch) => runningCount(clicks, passes, watch, (reader, offset) => reader.page(offset)),
  "count, numbers": (clicks, passes, watch) =>
    runningCount(clicks, passes, watch, (reader, offset) => reader.user(offset)),
  tumbling: (clicks, passes, watch) => tumbling(clicks, passes, watch, (reader, offset) => reader.page(offset)),
  "tumbling, numbers": (clicks, passes, watch) =>
    tumbling(clicks, passes, watch, (reader, offset) => reader.user(offset)),
  sliding,
}

/** Calls `onClick` with each click's place and time shift. */
function forEachClick(
  clicks: Clicks,
  passes: number,
  watch: Stopwatch,
  onClick: (reader: ClickReader, offset: number, shiftMs: number) => void,
): void {
  const reader = new ClickReader(clicks)
  let read = 0
  for (let pass = 0; pass < passes; pass++) {
    const shiftMs = pass * spanMs(clicks)
    for (let offset = 0; offset < reader.length; offset = reader.next(offset)) {
      onClick(reader, offset, shiftMs)
      read += 1
      if (read % 1_024 === 0) watch.at(read)
    }
  }
  watch.at(read)
}

function mapFilter(clicks: Clicks, passes: number, watch: Stopwatch): Tally {
  const tally = new Tally()
  forEachClick(clicks, passes, watch, (reader, offset) => {
    const page = reader.page(offset)
    if (!page.startsWith("/item/")) return
    const row = { page, euros: reader.cents(offset) / 100 }
    tally.add(row.page, row.euros * 100, 0)
  })
  return tally
}

function runningCount<K extends string | number>(
  clicks: Clicks,
  passes: number,
  watch: Stopwatch,
  keyAt: (reader: ClickReader, offset: number) => K,
): Tally {
  const tally = new Tally()
  const counts = new Map<K, number>()
  forEachClick(clicks, passes, watch, (reader, offset) => {
    const key = keyAt(reader, offset)
    const row = { key, clicks: (counts.get(key) ?? 0) + 1 }
    counts.set(key, row.clicks)
    tally.add(row.key, row.clicks, 0)
  })
  return tally
}

interface Sums {
  clicks: number
  cents: number
}

function tumbling<K extends string | number>(
  clicks: Clicks,
  passes: number,
  watch: Stopwatch,
  keyAt: (reader: ClickReader, offset: number) => K,
): Tally {
  const tally = new Tally()
  const windows = new Map<number, Map<K, Sums>>()
  let newestMs = Number.NEGATIVE_INFINITY
  let firedTo = Number.NEGATIVE_INFINITY
  let late = 0
  const fire = (upTo: number): void => {
    for (const start of [...windows.keys()].sort((a, b) => a - b)) {
      if (start + WINDOW_MS > upTo) break
      for (const [key, { clicks, cents }] of windows.get(start)!) {
        const row = { key, window: { start, end: start + WINDOW_MS }, clicks, cents }
        tally.add(row.key, row.cents, row.clicks + row.window.start)
      }
      windows.delete(start)
    }
    firedTo = upTo - (upTo % WINDOW_MS)
  }
  forEachClick(clicks, passes, watch, (reader, offset, shiftMs) => {
    const timeMs = reader.timeMs(offset) + shiftMs
    if (!Number.isFinite(timeMs)) throw new Error(`a click without a time at ${offset}`)
    if (timeMs > newestMs) {
      newestMs = timeMs
      if (newestMs - OUT_OF_ORDER_MS >= firedTo + WINDOW_MS) fire(newestMs - OUT_OF_ORDER_MS)
    }
    const start = timeMs - (timeMs % WINDOW_MS)
    if (start < firedTo) {
      late += 1
      return
    }
    let window = windows.get(start)
    if (window === undefined) {
      window = new Map()
      windows.set(start, window)
    }
    const key = keyAt(reader, offset)
    const sums = window.get(key)
    const cents = reader.cents(offset)
    if (sums === undefined) window.set(key, { clicks: 1, cents })
    else {
      sums.clicks += 1
      sums.cents += cents
    }
  })
  fire(Number.POSITIVE_INFINITY)
  if (late > 0) throw new Error(`${late} clicks came late`)
  return tally
}

/** A key's seconds, each in the place of the one ten seconds before. */
interface Recent {
  readonly clicks: Int32Array
  readonly cents: Float64Array
  readonly seconds: Float64Array
  newest: number
}

function sliding(clicks: Clicks, passes: number, watch: Stopwatch): Tally {
  const tally = new Tally()
  const slices = SLIDING_MS / WINDOW_MS
  // One more for what is ahead of the watermark.
  const places = slices + 1
  const recents = new Map<string, Recent>()
  let newestMs = Number.NEGATIVE_INFINITY
  let nextEnd = Number.NaN
  let late = 0
  /** @returns whether any key holds anything still */
  const fire = (end: number): boolean => {
    const start = end - SLIDING_MS
    let any = false
    for (const [key, recent] of recents) {
      if (recent.newest < start) {
        recents.delete(key)
        continue
      }
      any = true
      let clicks = 0
      let cents = 0
      for (let place = 0; place < places; place++) {
        const second = recent.seconds[place]!
        if (second < start || second >= end) continue
        clicks += recent.clicks[place]!
        cents += recent.cents[place]!
      }
      if (clicks === 0) continue
      const row = { key, window: { start, end }, clicks, cents }
      tally.add(row.key, row.cents, row.clicks + row.window.start)
    }
    return any
  }
  forEachClick(clicks, passes, watch, (reader, offset, shiftMs) => {
    const timeMs = reader.timeMs(offset) + shiftMs
    if (!Number.isFinite(timeMs)) throw new Error(`a click without a time at ${offset}`)
    const second = timeMs - (timeMs % WINDOW_MS)
    if (timeMs > newestMs) {
      newestMs = timeMs
      if (Number.isNaN(nextEnd)) nextEnd = second + WINDOW_MS
      for (; nextEnd <= newestMs - OUT_OF_ORDER_MS; nextEnd += WINDOW_MS) fire(nextEnd)
    }
    if (second + SLIDING_MS < nextEnd) {
      late += 1
      return
    }
    const key = reader.page(offset)
    let recent = recents.get(key)
    if (recent === undefined) {
      recent = {
        clicks: new Int32Array(places),
        cents: new Float64Array(places),
        seconds: new Float64Array(places).fill(Number.NEGATIVE_INFINITY),
        newest: second,
      }
      recents.set(key, recent)
    }
    const place = (second / WINDOW_MS) % places
    if (recent.seconds[place] !== second) {
      recent.seconds[place] = second
      recent.clicks[place] = 0
      recent.cents[place] = 0
    }
    recent.clicks[place]! += 1
    recent.cents[place]! += reader.cents(offset)
    if (second > recent.newest) recent.newest = second
  })
  for (; fire(nextEnd); nextEnd += WINDOW_MS);
  if (late > 0) throw new Error(`${late} clicks came late`)
  return tally
}
