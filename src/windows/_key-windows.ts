import type { StateCodec } from "../state/index.ts"
import type { WindowRecord } from "./evictor.ts"

/** A result that left and may be taken back. */
export type FormerResult = readonly [start: number, end: number, index: number, result: unknown]

/** One window of one key. */
export interface KeyWindow<T, Acc> {
  start: number
  end: number
  /** What the records add up to; undefined when there are none, or `records` are kept. */
  accumulator: Acc | undefined
  /** The records themselves, where all are needed. */
  records: WindowRecord<T>[] | undefined
  /** Records in the content. */
  size: number
  /** Of these, such as have not left in any pane. */
  unfired: number
  /** Panes that have left. */
  panes: number
  /** Whether one left on time. */
  wasOnTime: boolean
  /** Of all its records, -Infinity and +Infinity when there was none with a time. */
  newestMs: number
  oldestMs: number
  trigger: unknown
  /** What its trigger asked for, rising: event time, processing time. */
  eventTimes: number[]
  processingTimes: number[]
  former: FormerResult[]
}

/** All windows of a key, by rising end, and the timers that wake it: one of each kind at most, null for none. */
export interface KeyWindows<T, Acc> {
  windows: KeyWindow<T, Acc>[]
  /** So many in front are over; they leave the list when they are half of it. */
  gone: number
  armedEventTime: number | null
  armedProcessingTime: number | null
}

/** Of windows that have none: shared, hence frozen. */
export const NONE = Object.freeze([]) as unknown as never[]

export function newKeyWindow<T, Acc>(
  start: number,
  end: number,
  trigger: unknown,
  keepsRecords: boolean,
): KeyWindow<T, Acc> {
  return {
    start,
    end,
    accumulator: undefined,
    records: keepsRecords ? [] : undefined,
    size: 0,
    unfired: 0,
    panes: 0,
    wasOnTime: false,
    newestMs: Number.NEGATIVE_INFINITY,
    oldestMs: Number.POSITIVE_INFINITY,
    trigger,
    eventTimes: NONE,
    processingTimes: NONE,
    former: NONE,
  }
}

/** Takes out a window, which is nearly always the first. Amortised O(1) for that one. */
export function removeWindow<T, Acc>(of: KeyWindows<T, Acc>, window: KeyWindow<T, Acc>): void {
  const { windows } = of
  const place = windows.indexOf(window, of.gone)
  if (place === -1) return
  if (place !== of.gone) {
    windows.splice(place, 1)
    return
  }
  of.gone += 1
  if (2 * of.gone < windows.length) return
  windows.splice(0, of.gone)
  of.gone = 0
}

/** Puts a window in its place. A first one gets a list of its own size: the first push onto an empty list makes room for 17. */
export function insertWindow<T, Acc>(of: KeyWindows<T, Acc>, place: number, window: KeyWindow<T, Acc>): void {
  if (of.windows.length === 0) of.windows = [window]
  else of.windows.splice(place, 0, window)
}

/** Adds a time to a rising list, once. @returns the list, which is another one when it was empty */
export function addTime(times: number[], timeMs: number): number[] {
  if (times.length === 0) return [timeMs]
  let place = times.length
  // Most times that are asked for are the latest.
  if (times[place - 1]! < timeMs) {
    times.push(timeMs)
    return times
  }
  while (place > 0 && times[place - 1]! > timeMs) place--
  if (place === 0 || times[place - 1] !== timeMs) times.splice(place, 0, timeMs)
  return times
}

export function removeTime(times: number[], timeMs: number): void {
  const place = times.lastIndexOf(timeMs)
  if (place === -1) return
  if (place === times.length - 1) times.pop()
  else times.splice(place, 1)
}

/** Plain data of a key's windows, for snapshots. */
export function keyWindowsCodec<T, Acc>(accumulators: StateCodec<Acc> | undefined): StateCodec<KeyWindows<T, Acc>> {
  const encode = (accumulator: Acc | undefined): unknown =>
    accumulator === undefined || accumulators === undefined ? accumulator : accumulators.encode(accumulator)
  const decode = (plain: unknown): Acc | undefined =>
    plain === undefined || accumulators === undefined ? (plain as Acc | undefined) : accumulators.decode(plain)
  return {
    encode: ({ windows, gone, armedEventTime, armedProcessingTime }) => ({
      armed: [armedEventTime, armedProcessingTime],
      // Written out: with a rest pattern this took half of a capture.
      windows: windows.slice(gone).map((window) => ({
        start: window.start,
        end: window.end,
        unfired: window.unfired,
        panes: window.panes,
        wasOnTime: window.wasOnTime,
        newestMs: window.newestMs,
        oldestMs: window.oldestMs,
        trigger: window.trigger,
        eventTimes: window.eventTimes,
        processingTimes: window.processingTimes,
        former: window.former,
        size: window.size,
        held: window.records === undefined && window.size > 0,
        accumulator: encode(window.accumulator) ?? null,
        records: window.records?.map(({ value, timeMs }) => [value, timeMs]) ?? null,
      })),
    }),
    decode(plain) {
      const { armed, windows } = plain as Encoded
      return {
        windows: windows.map(({ held, accumulator, records, ...rest }) => ({
          ...(rest as unknown as KeyWindow<T, Acc>),
          accumulator: held ? decode(accumulator) : undefined,
          records: records === null ? undefined : records.map(([value, timeMs]) => ({ value: value as T, timeMs })),
        })),
        gone: 0,
        armedEventTime: armed[0],
        armedProcessingTime: armed[1],
      }
    },
  }
}

interface Encoded {
  readonly armed: readonly [number | null, number | null]
  readonly windows: readonly {
    readonly held: boolean
    readonly accumulator: unknown
    readonly records: readonly (readonly [unknown, number])[] | null
  }[]
}
