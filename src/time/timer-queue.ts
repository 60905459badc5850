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
  /** Where it stands in the heap. */
  place: number
  /** The number of the capture after which it was deleted or taken; LIVE before. */
  removedAfter: number
}

/** The timers of a key: itself when it is the only one, else by time. */
type OfKey<K> = Entry<K> | Map<number, Entry<K>>

/** Later than every capture. A small integer to the engine, as Infinity is not. */
const LIVE = 2 ** 30

/** Keys are spread over so many Maps: one of 150,000 keys would take 10 ms whenever it grows or shrinks. */
const SHARDS = 64

/**
 * Timers per key. Pure; the caller brings the time: the watermark for event time, the clock for processing time.
 *
 * - At most one timer per key and time: registering it again changes nothing (as in Flink).
 * - A timer comes out once, at the first `nextDue` whose watermark has reached it; in time order, ties in the order of
 *   registration; a deleted one never (TIM-4).
 *
 * State: O(timers) memory. O(log n) to register, to take and to delete, and nothing that takes longer now and then: whatever is
 * due, or was deleted before, a call takes microseconds. A capture copies the array of references, and nothing else.
 * Source: binary heap with its keys in an array of their own, as in flatqueue; entries that know their place, as in Flink's
 * HeapPriorityQueue.
 */
export class TimerQueue<K> {
  readonly #identityOf: (key: K) => unknown
  readonly #byKey = Array.from({ length: SHARDS }, () => new Map<unknown, OfKey<K>>())
  /** The heap's order is (times[i], entries[i].sequence); both arrays are always of equal length. */
  readonly #times: number[] = []
  readonly #entries: Entry<K>[] = []
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
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  /** Timers that are registered and neither deleted nor taken. */
  get size(): number {
    return this.#entries.length
  }

  /**
   * @param keyHash unsigned 32-bit, the same for a key at every call
   * @param timeMs a number; +Infinity stands for the end of input
   * @returns false when the key already has a timer for this time
   */
  register(key: K, keyHash: number, timeMs: number): boolean {
    if (this.#find(key, keyHash, timeMs) !== undefined) return false
    this.#add({ key, keyHash, timeMs, sequence: this.#sequence++, place: 0, removedAfter: LIVE })
    return true
  }

  /**
   * Loads a captured timer, in place of one of its key and time. It keeps its place among those of equal time; timers
   * registered later come after it.
   */
  load({ key, keyHash, timeMs, sequence }: RegisteredTimer<K>): void {
    this.unload(key, keyHash, timeMs)
    this.#add({ key, keyHash, timeMs, sequence, place: 0, removedAfter: LIVE })
    if (sequence >= this.#sequence) this.#sequence = sequence + 1
    this.#capturedTo = this.#sequence
  }

  /** Takes back what was loaded: as `delete`, but no change. */
  unload(key: K, keyHash: number, timeMs: number): void {
    const entry = this.#find(key, keyHash, timeMs)
    if (entry !== undefined) this.#remove(entry)
  }

  /** @returns false when there is no such timer */
  delete(key: K, keyHash: number, timeMs: number): boolean {
    const entry = this.#find(key, keyHash, timeMs)
    if (entry === undefined) return false
    this.#noteRemoval(entry)
    this.#remove(entry)
    return true
  }

  /** Takes the next timer whose time the watermark has reached, or undefined. Timers registered meanwhile take their turn. */
  nextDue(watermarkMs: number): Timer<K> | undefined {
    if (this.#times.length === 0 || this.#times[0]! > watermarkMs) return undefined
    const entry = this.#entries[0]!
    this.#noteRemoval(entry)
    this.#remove(entry)
    return entry
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

  #shardOf(keyHash: number): Map<unknown, OfKey<K>> {
    // The upper half: the lower bits are what the keys of one subtask may have in common.
    return this.#byKey[(keyHash >>> 16) % SHARDS]!
  }

  #find(key: K, keyHash: number, timeMs: number): Entry<K> | undefined {
    const ofKey = this.#shardOf(keyHash).get(this.#identityOf(key))
    if (ofKey instanceof Map) return ofKey.get(timeMs)
    return ofKey?.timeMs === timeMs ? ofKey : undefined
  }

  /** Adds a timer that `#find` did not find. */
  #add(entry: Entry<K>): void {
    const shard = this.#shardOf(entry.keyHash)
    const identity = this.#identityOf(entry.key)
    const ofKey = shard.get(identity)
    if (ofKey === undefined) shard.set(identity, entry)
    else if (ofKey instanceof Map) ofKey.set(entry.timeMs, entry)
    else shard.set(identity, new Map([ofKey, entry].map((each) => [each.timeMs, each])))
    this.#times.push(entry.timeMs)
    this.#entries.push(entry)
    this.#rise(this.#entries.length - 1, entry)
  }

  #remove(entry: Entry<K>): void {
    entry.removedAfter = this.#captures
    this.#forget(entry)
    const { place } = entry
    const last = this.#entries.pop()!
    this.#times.pop()
    if (last === entry) return
    if (this.#before(last, entry)) this.#rise(place, last)
    else this.#sink(place, last)
  }

  /** A timer that a snapshot holds is about to go. */
  #noteRemoval(entry: Entry<K>): void {
    if (this.#removed !== undefined && entry.sequence < this.#capturedTo) this.#removed.push(entry)
  }

  #forget(entry: Entry<K>): void {
    const shard = this.#shardOf(entry.keyHash)
    const identity = this.#identityOf(entry.key)
    const ofKey = shard.get(identity)
    if (!(ofKey instanceof Map)) {
      shard.delete(identity)
      return
    }
    ofKey.delete(entry.timeMs)
    if (ofKey.size === 0) shard.delete(identity)
  }

  /** Moves an entry up from `place` until none above comes after it. */
  #rise(from: number, entry: Entry<K>): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#entries[parent]!
      if (!this.#before(entry, above)) break
      this.#put(place, above)
      place = parent
    }
    this.#put(place, entry)
  }

  /** Moves an entry down from `place` until none below comes before it. */
  #sink(from: number, entry: Entry<K>): void {
    const times = this.#times
    const entries = this.#entries
    const { timeMs, sequence } = entry
    const firstLeaf = times.length >> 1
    let place = from
    while (place < firstLeaf) {
      let child = 2 * place + 1
      const right = child + 1
      let childMs = times[child]!
      if (right < times.length) {
        const rightMs = times[right]!
        if (rightMs < childMs || (rightMs === childMs && entries[right]!.sequence < entries[child]!.sequence)) {
          child = right
          childMs = rightMs
        }
      }
      const below = entries[child]!
      if (timeMs < childMs || (timeMs === childMs && sequence < below.sequence)) break
      this.#put(place, below)
      place = child
    }
    this.#put(place, entry)
  }

  #put(place: number, entry: Entry<K>): void {
    this.#times[place] = entry.timeMs
    this.#entries[place] = entry
    entry.place = place
  }

  #before(a: Entry<K>, b: Entry<K>): boolean {
    return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence)
  }
}
