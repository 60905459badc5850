/** An event-time timer of one key. */
export interface Timer<K> {
  readonly key: K
  /** Unsigned 32-bit hash of the key, kept so that firing and snapshots need not hash again. */
  readonly keyHash: number
  readonly timeMs: number
}

interface Entry<K> extends Timer<K> {
  /** Registration number: breaks ties in time. */
  readonly sequence: number
  cancelled: boolean
}

/** Below this many entries, cancelled ones are left for `nextDue` to find. */
const COMPACT_FROM = 64

/**
 * Event-time timers per key. Pure; the caller brings the watermark.
 *
 * - At most one timer per key and time: registering it again changes nothing (as in Flink).
 * - A timer comes out once, at the first `nextDue` whose watermark has reached it; in time order, ties in the order of
 *   registration; a deleted one never (TIM-4).
 *
 * State: O(timers) memory. O(log n) to register and to take, O(1) to delete (entries stay in the heap until they come up
 * or make up half of it, then it is rebuilt: O(1) amortised).
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

  /** @param identityOf what tells two keys apart as a Map does: `keyIdentity` of state/ */
  constructor(identityOf: (key: K) => unknown) {
    this.#identityOf = identityOf
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
    const identity = this.#identityOf(key)
    let ofKey = this.#byKey.get(identity)
    if (ofKey === undefined) {
      ofKey = new Map()
      this.#byKey.set(identity, ofKey)
    }
    if (ofKey.has(timeMs)) return false
    const entry: Entry<K> = { key, keyHash, timeMs, sequence: this.#sequence++, cancelled: false }
    ofKey.set(timeMs, entry)
    this.#size++
    this.#push(entry)
    return true
  }

  /** @returns false when there is no such timer */
  delete(key: K, timeMs: number): boolean {
    const entry = this.#byKey.get(this.#identityOf(key))?.get(timeMs)
    if (entry === undefined) return false
    entry.cancelled = true
    this.#forget(entry)
    if (this.#entries.length >= COMPACT_FROM && this.#size * 2 < this.#entries.length) this.#compact()
    return true
  }

  /** Takes the next timer whose time the watermark has reached, or undefined. Timers registered meanwhile take their turn. */
  nextDue(watermarkMs: number): Timer<K> | undefined {
    while (this.#times.length > 0 && this.#times[0]! <= watermarkMs) {
      const entry = this.#pop()
      if (entry.cancelled) continue
      this.#forget(entry)
      return entry
    }
    return undefined
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
    // A new entry has the largest sequence of all, so among equal times it stays below.
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (times[parent]! <= entry.timeMs) break
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
    this.#entries = this.#entries.filter((entry) => !entry.cancelled)
    this.#times = this.#entries.map((entry) => entry.timeMs)
    for (let place = (this.#entries.length >> 1) - 1; place >= 0; place--) {
      this.#sink(place, this.#times[place]!, this.#entries[place]!)
    }
  }
}
