import { closeSync, openSync, readSync } from "node:fs"
import type { Rows } from "../nexmark/twin.ts"
import { type AdEvent, CAMPAIGN_OF_AD, CAMPAIGN_OF_INDEX, VIEW, WINDOW_MS } from "./ad-events.ts"
import { writeViews } from "./ysb-params.ts"

/** Counts views of the window that is open: events come in order of time. */
class OpenWindow {
  readonly #rows: Rows
  #start = Number.NEGATIVE_INFINITY
  #views = new Map<string, number>()

  constructor(rows: Rows) {
    this.#rows = rows
  }

  add(campaign: string, time: number): void {
    if (time >= this.#start + WINDOW_MS) {
      this.end()
      this.#start = time - (time % WINDOW_MS)
    }
    this.#views.set(campaign, (this.#views.get(campaign) ?? 0) + 1)
  }

  end(): void {
    for (const [campaign, views] of this.#views) writeViews({ campaign, start: this.#start, views }, this.#rows.begin())
    this.#views = new Map()
  }
}

const CHUNK_BYTES = 262_144
const LINE_END = 10

/** Lines of a file: of those that a chunk ends in, the beginning waits for the next one. */
export function jsonTwin(path: string, rows: Rows): void {
  const window = new OpenWindow(rows)
  const fd = openSync(path, "r")
  const chunk = Buffer.alloc(2 * CHUNK_BYTES)
  for (let held = 0; ; ) {
    const read = readSync(fd, chunk, held, CHUNK_BYTES, null)
    if (read === 0) break
    const end = held + read
    let from = 0
    for (let to = chunk.indexOf(LINE_END); to >= 0 && to < end; to = chunk.indexOf(LINE_END, from)) {
      const event = JSON.parse(chunk.toString("utf8", from, to)) as AdEvent
      if (event.event_type === "view") window.add(CAMPAIGN_OF_AD.get(event.ad_id)!, Number(event.event_time))
      from = to + 1
    }
    chunk.copyWithin(0, from, end)
    held = end - from
  }
  closeSync(fd)
  window.end()
}

export function parsedTwin(buffer: SharedArrayBuffer, rows: Rows): void {
  const window = new OpenWindow(rows)
  const floats = new Float64Array(buffer)
  const ints = new Int32Array(buffer)
  for (let at = 0; at < floats.length; at += 2) {
    if (ints[2 * at + 3] === VIEW) window.add(CAMPAIGN_OF_INDEX[ints[2 * at + 2]!]!, floats[at]!)
  }
  window.end()
}
