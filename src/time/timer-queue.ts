import { invariant } from "../errors/index.ts"

/** A timer of one key, in event time or in processing time. */
export interface Timer<K> {
  readonly key: K
  /** Unsigned 32-bit hash of the key, kept so that firing and snapshots need not hash again. */
  readonly keyHash: number
  readonly timeMs: number
}

/** A timer with its place among those of equal time: what is saved of it. */
export interface RegisteredTimer<K> extends Timer<K> {
  /** Registration number, rising: breaks ties in time. */
  readonly sequence: number
}

/** The timers that were in a queue when they were captured. */
export interface TimerCapture<K> {
  /**
   * Looks at up to `budget` more timers and shows those that are part of the capture, removed ones first.
   * @returns true when all have been shown
   */
  write(budget: number, visit: (timer: RegisteredTimer<K>, removed: boolean) => void): boolean
  /** Declares the capture void: its changes belong to the next one again. */
  cancel(): void
}

interface Entry<K> extends RegisteredTimer<K> {
  /** The number of the capture after which it was deleted or taken; LIVE before. */
  removedAfter: number
}

/** Later than every capture. A small integer to the engine, as Infinity is not. */
const LIVE = 2 ** 30

/** Below this many entries, cancelled ones are left for `nextDue` to find. */
const COMPACT_FROM = 64

/**
 * Timers per key. Pure; the caller brings the time: the watermark for event time, the clock for processing time.
 *
 * - At most one timer per key and time: registering it again changes nothing (as in Flink).
 * - A timer comes out once, at the first `nextDue` whose watermark has reached it; in time order, ties in the order of
 *   registration; a deleted one never (TIM-4).
 *
 * State: O(timers) memory. O(log n) to register and to take, O(1) to delete (entries stay in the heap until they come up
 * or make up half of it, then it is rebuilt: O(1) amortised). A capture copies the array of references, and nothing else.
 * Source: binary heap with its keys in an array of their own, as in flatqueue.
 */
export class TimerQueue<K> {
  readonly #identityOf: (key: K) => unknown
  readonly #byKey = new Map<unknown, Map<number, Entry<K>>>()
  /** The heap's order is (times[i], entries[i].sequence); both arrays are always of equal length. */
  #times: number[] = []
  #entries: Entry<K>[] = []
  #size = 0
  #sequence = 0
  /** Captures taken so far. */
  #captures = 0
  /** Timers with a smaller sequence were part of the last capture, or loaded: their removal is a change. */
  #capturedTo = 0
  /** Such timers that were removed since, when changes are tracked. */
  #removed: Entry<K>[] | undefined

  /** @param identityOf what tells two keys apart as a Map does: `keyIdentity` of state/ */
  constructor(identityOf: (key: K) => unknown) {
    this.#identityOf = identityOf
  }

  /** From now on "changes" can be captured. */
  trackChanges(): void {
    this.#removed ??= []
  }

  /** The time of the next timer; +Infinity when there is none. */
  get nextMs(): number {
    // Deleted ones leave the heap when they come up.
    while (this.#entries.length > 0 && this.#entries[0]!.removedAfter !== LIVE) this.#pop()
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  /** Timers that are registered and neither deleted nor taken. */
  get size(): number {
    return this.#size
  }

  /**
   * @param timeMs a number; +Infinity stands for the end of input
   * @returns false when the key already has a timer for this time
   */
  register(key: K, keyHash: number, timeMs: number): boolean {
    const ofKey = this.#timersOf(key)
    if (ofKey.has(timeMs)) return false
    this.#add(ofKey, { key, keyHash, timeMs, sequence: this.#sequence++, removedAfter: LIVE })
    return true
  }

  /**
   * Loads a captured timer, in place of one of its key and time. It keeps its place among those of equal time; timers
   * registered later come after it.
   */
  load({ key, keyHash, timeMs, sequence }: RegisteredTimer<K>): void {
    this.unload(key, timeMs)
    this.#add(this.#timersOf(key), { key, keyHash, timeMs, sequence, removedAfter: LIVE })
    if (sequence >= this.#sequence) this.#sequence = sequence + 1
    this.#capturedTo = this.#sequence
  }

  /** Takes back what was loaded: as `delete`, but no change. */
  unload(key: K, timeMs: number): void {
    const entry = this.#byKey.get(this.#identityOf(key))?.get(timeMs)
    if (entry !== undefined) this.#discard(entry)
  }

  /** @returns false when there is no such timer */
  delete(key: K, timeMs: number): boolean {
    const entry = this.#byKey.get(this.#identityOf(key))?.get(timeMs)
    if (entry === undefined) return false
    this.#noteRemoval(entry)
    this.#discard(entry)
    return true
  }

  /** Takes the next timer whose time the watermark has reached, or undefined. Timers registered meanwhile take their turn. */
  nextDue(watermarkMs: number): Timer<K> | undefined {
    while (this.#times.length > 0 && this.#times[0]! <= watermarkMs) {
      const entry = this.#pop()
      if (entry.removedAfter !== LIVE) continue
      this.#noteRemoval(entry)
      this.#forget(entry)
      return entry
    }
    return undefined
  }

  /**
   * Captures the timers that are registered now, whatever becomes of them before they are written. O(timers), but only a
   * copy of references.
   * @param kind "changes": those registered or removed since the last capture, to be shown as such
   */
  capture(kind: "all" | "changes"): TimerCapture<K> {
    invariant(kind === "all" || this.#removed !== undefined, "changes of timers are captured, but not tracked")
    const number = ++this.#captures
    const [from, upTo] = [this.#capturedTo, this.#sequence]
    const removed = this.#removed
    this.#capturedTo = upTo
    if (removed !== undefined) this.#removed = []
    const gone = kind === "changes" ? removed! : []
    const entries = this.#entries.slice()
    let at = 0
    return {
      write(budget, visit) {
        const end = Math.min(at + budget, gone.length + entries.length)
        for (; at < end && at < gone.length; at++) visit(gone[at]!, true)
        for (; at < end; at++) {
          const entry = entries[at - gone.length]!
          if (entry.removedAfter >= number && (kind === "all" || entry.sequence >= from)) visit(entry, false)
        }
        return at === gone.length + entries.length
      },
      cancel: () => {
        this.#capturedTo = Math.min(this.#capturedTo, from)
        if (removed !== undefined) this.#removed = removed.concat(this.#removed ?? [])
      },
    }
  }

  #timersOf(key: K): Map<number, Entry<K>> {
    const identity = this.#identityOf(key)
    let ofKey = this.#byKey.get(identity)
    if (ofKey === undefined) {
      ofKey = new Map()
      this.#byKey.set(identity, ofKey)
    }
    return ofKey
  }

  #add(ofKey: Map<number, Entry<K>>, entry: Entry<K>): void {
    ofKey.set(entry.timeMs, entry)
    this.#size++
    this.#push(entry)
  }

  /** Removes a timer whose entry stays in the heap until it comes up. */
  #discard(entry: Entry<K>): void {
    entry.removedAfter = this.#captures
    this.#forget(entry)
    if (this.#entries.length >= COMPACT_FROM && this.#size * 2 < this.#entries.length) this.#compact()
  }

  /** A timer that a snapshot holds is about to go. */
  #noteRemoval(entry: Entry<K>): void {
    entry.removedAfter = this.#captures
    if (this.#removed !== undefined && entry.sequence < this.#capturedTo) this.#removed.push(entry)
  }

  #forget(entry: Entry<K>): void {
    const identity = this.#identityOf(entry.key)
    const ofKey = this.#byKey.get(identity)!
    ofKey.delete(entry.timeMs)
    if (ofKey.size === 0) this.#byKey.delete(identity)
    this.#size--
  }

  #push(entry: Entry<K>): void {
    const times = this.#times
    const entries = this.#entries
    let place = times.length
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!this.#before(entry.timeMs, entry, times[parent]!, entries[parent]!)) break
      times[place] = times[parent]!
      entries[place] = entries[parent]!
      place = parent
    }
    times[place] = entry.timeMs
    entries[place] = entry
  }

  #pop(): Entry<K> {
    const top = this.#entries[0]!
    const lastTime = this.#times.pop()!
    const last = this.#entries.pop()!
    if (this.#entries.length > 0) this.#sink(0, lastTime, last)
    return top
  }

  /** Moves an entry down from `place` until none below comes before it. */
  #sink(place: number, timeMs: number, entry: Entry<K>): void {
    const times = this.#times
    const entries = this.#entries
    const firstLeaf = times.length >> 1
    while (place < firstLeaf) {
      let child = 2 * place + 1
      const right = child + 1
      if (right < times.length && this.#before(times[right]!, entries[right]!, times[child]!, entries[child]!))
        child = right
      if (!this.#before(times[child]!, entries[child]!, timeMs, entry)) break
      times[place] = times[child]!
      entries[place] = entries[child]!
      place = child
    }
    times[place] = timeMs
    entries[place] = entry
  }

  #before(timeA: number, a: Entry<K>, timeB: number, b: Entry<K>): boolean {
    return timeA < timeB || (timeA === timeB && a.sequence < b.sequence)
  }

  #compact(): void {
    this.#entries = this.#entries.filter((entry) => entry.removedAfter === LIVE)
    this.#times = this.#entries.map((entry) => entry.timeMs)
    for (let place = (this.#entries.length >> 1) - 1; place >= 0; place--) {
      this.#sink(place, this.#times[place]!, this.#entries[place]!)
    }
  }
}
