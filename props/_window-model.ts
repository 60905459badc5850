/** The plainest evaluation of windows: lists of records, looked through from end to end. It says nothing of the order of results. */
import type { HarnessEvent } from "../src/operators/testing.ts"

export interface Item {
  readonly id: number
  readonly key: string
  readonly time: number
  /** For sessions: how long one lasts without another. */
  readonly gap: number
}

/** How records are put into windows, in words that the engine does not use. */
export type ModelWindows =
  | { readonly kind: "cut"; windowsOf(time: number): readonly { readonly start: number; readonly end: number }[] }
  | { readonly kind: "session" }

export interface ModelPane {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly index: number
  readonly timing: string
  readonly last: boolean
  readonly retraction: boolean
  /** Of the records in it, rising. */
  readonly ids: readonly number[]
  readonly timeMs: number
}

interface Open {
  key: string
  start: number
  end: number
  items: Item[]
  panes: number
  onTime: boolean
  former: { start: number; end: number; index: number; ids: readonly number[] }[]
}

/** Windows of event time with the usual trigger. */
export function evaluate(
  input: readonly HarnessEvent<Item>[],
  windows: ModelWindows,
  latenessMs: number,
  mode: "accumulating" | "discarding" | "retracting" = "accumulating",
): { readonly panes: ModelPane[]; readonly late: number[]; readonly openAfter: number } {
  let watermarkMs = Number.NEGATIVE_INFINITY
  let open: Open[] = []
  const panes: ModelPane[] = []
  const late: number[] = []
  const fire = (window: Open, timing: string, last: boolean) => {
    if (window.items.length === 0) return
    const ids = window.items.map(({ id }) => id).sort((a, b) => a - b)
    const { key, start } = window
    const timeMs = window.end - 1
    // A session has room for a record at its very end.
    const end = windows.kind === "session" ? timeMs : window.end
    for (const former of window.former) panes.push({ ...former, key, timing, last: false, retraction: true, timeMs })
    const pane = { start, end, index: window.panes, ids }
    panes.push({ ...pane, key, timing, last, retraction: false, timeMs })
    window.former = mode === "retracting" && !last ? [pane] : []
    if (mode === "discarding") window.items = []
    window.panes += 1
    if (timing !== "early") window.onTime = true
  }
  const isOver = ({ end }: { readonly end: number }) => end - 1 <= watermarkMs
  const isGone = ({ end }: { readonly end: number }) => end - 1 + latenessMs <= watermarkMs
  for (const event of [...input, { watermarkMs: Number.POSITIVE_INFINITY }]) {
    if ("processingTimeMs" in event) continue
    if ("watermarkMs" in event) {
      const before = watermarkMs
      watermarkMs = Math.max(before, event.watermarkMs)
      for (const window of open.filter((each) => isOver(each) && each.end - 1 > before)) {
        fire(window, "on-time", isGone(window))
      }
      open = open.filter((each) => !isGone(each))
      continue
    }
    const item = event.value
    if (windows.kind === "session") {
      const made: Open = {
        ...{ key: item.key, start: item.time, end: item.time + item.gap + 1 },
        ...{ items: [], panes: 0, onTime: false, former: [] },
      }
      const touching = open.filter(({ key, start, end }) => key === item.key && start < made.end && end > made.start)
      if (touching.length === 0 && isGone(made)) {
        late.push(item.id)
        continue
      }
      for (const other of touching) {
        made.start = Math.min(made.start, other.start)
        made.end = Math.max(made.end, other.end)
        made.items.push(...other.items)
        made.panes = Math.max(made.panes, other.panes)
        made.former.push(...other.former)
      }
      made.items.push(item)
      open = open.filter((each) => !touching.includes(each))
      open.push(made)
      if (isOver(made)) fire(made, "late", false)
      continue
    }
    let taken = false
    for (const { start, end } of windows.windowsOf(item.time)) {
      if (isGone({ end })) continue
      taken = true
      let window = open.find((each) => each.key === item.key && each.start === start && each.end === end)
      if (window === undefined) {
        window = { key: item.key, start, end, items: [], panes: 0, onTime: false, former: [] }
        open.push(window)
      }
      window.items.push(item)
      if (isOver(window)) fire(window, "late", false)
    }
    if (!taken) late.push(item.id)
  }
  return { panes, late, openAfter: open.length }
}

/** Every window [a, a + size) with a = offset + a multiple of slide that holds the time, found by trying. */
export function everyWindow(size: number, slide: number, offset: number): ModelWindows {
  return {
    kind: "cut",
    windowsOf(time) {
      const found: { start: number; end: number }[] = []
      for (let start = time - size; start <= time; start++) {
        if (start > time - size && (((start - offset) % slide) + slide) % slide === 0)
          found.push({ start, end: start + size })
      }
      return found
    },
  }
}

/** Every window [a, a + n * step) with a = offset + a multiple of size that holds the time, found by trying. */
export function everyCumulative(size: number, step: number, offset: number): ModelWindows {
  return {
    kind: "cut",
    windowsOf(time) {
      let start = time
      while ((((start - offset) % size) + size) % size !== 0) start--
      const found: { start: number; end: number }[] = []
      for (let end = start + step; end <= start + size; end += step) if (end > time) found.push({ start, end })
      return found
    },
  }
}

/** Panes in an order that depends on nothing else. */
export function inOrder(panes: readonly ModelPane[]): string[] {
  return panes
    .map(
      ({ key, start, end, index, timing, last, retraction, ids, timeMs }) =>
        `${retraction ? "-" : "+"}${key} [${start},${end}) #${index} ${timing}${last ? " last" : ""} {${ids}} @${timeMs}`,
    )
    .sort()
}
