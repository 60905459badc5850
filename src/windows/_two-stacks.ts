/** What the stacks need of an aggregate. */
export interface Merging<Acc> {
  /** Either may be changed. */
  merge(left: Acc, right: Acc): Acc
  copy(accumulator: Acc): Acc
}

/** A slice of one key's records. */
export interface Slice<Acc> {
  readonly start: number
  accumulator: Acc
}

/**
 * The running combination of a run of slices that moves forward at both ends.
 *
 * Slices before `#boundary` are in the front: for each, the combination of it and all that follow up to the boundary. Those
 * behind it are combined in one total, the back. When the last slice has left the front, the back is turned into a new front.
 * So a slice is merged at most twice, and a query merges two accumulators.
 *
 * Derived from the slices, which it never changes nor keeps: it may be thrown away at any time.
 * Source: Tangwongsan, Hirzel, Schneider, DEBS 2017 (two-stacks, and DABA after it), over slices in place of records.
 */
export class TwoStacks<Acc> {
  readonly #merging: Merging<Acc>
  /** Newest first, so that the oldest is taken from the end. */
  #front: Slice<Acc>[] = []
  #back: Acc | undefined
  /** Start of the oldest slice of the back. */
  #backStart = Number.POSITIVE_INFINITY
  /** Slices that begin from here on, and before `#end`, are in the front or the back. */
  #from = Number.NEGATIVE_INFINITY
  #end = Number.NEGATIVE_INFINITY
  /** Merges and copies made so far. */
  work = 0

  constructor(merging: Merging<Acc>) {
    this.#merging = merging
  }

  /**
   * The combination of the slices that begin in [from, to): a copy of the caller's own. Neither bound goes back from call to call.
   * @param slices by rising start, at least one of them in [from, to)
   * @param first index of the first one that begins at `from` or later
   */
  query(slices: readonly Slice<Acc>[], first: number, from: number, to: number): Acc {
    const { merge, copy } = this.#merging
    const front = this.#front
    this.#from = from
    while (front.length > 0 && front.at(-1)!.start < from) front.pop()
    if (this.#backStart < from) this.#turn(slices, first, to)
    else this.#take(slices, first, to)
    const older = this.#front.at(-1)
    if (older === undefined) return copy(this.#back as Acc)
    return this.#back === undefined ? copy(older.accumulator) : merge(copy(older.accumulator), copy(this.#back))
  }

  /** A record was added to a slice, or the slice is new. @returns false when the stacks cannot follow: throw them away */
  add(start: number, addTo: (accumulator: Acc) => Acc): boolean {
    if (start >= this.#end || start < this.#from) return true
    if (this.#back === undefined || start < this.#backStart) return false
    this.#back = addTo(this.#back)
    return true
  }

  /** Adds the slices from the end of the back up to `to`. */
  #take(slices: readonly Slice<Acc>[], first: number, to: number): void {
    const { merge, copy } = this.#merging
    for (
      let index = Math.max(first, placeOf(slices, this.#end));
      index < slices.length && slices[index]!.start < to;
      index++
    ) {
      const { start, accumulator } = slices[index]!
      this.work += 1
      if (this.#back === undefined) {
        this.#back = copy(accumulator)
        this.#backStart = start
      } else this.#back = merge(this.#back, copy(accumulator))
    }
    if (to > this.#end) this.#end = to
  }

  /** Makes a front of all slices. */
  #turn(slices: readonly Slice<Acc>[], first: number, to: number): void {
    const { merge, copy } = this.#merging
    let last = first
    while (last < slices.length && slices[last]!.start < to) last++
    const front: Slice<Acc>[] = []
    this.work += 2 * (last - first)
    for (let index = last - 1; index >= first; index--) {
      const { start, accumulator } = slices[index]!
      const newer = front.at(-1)
      front.push({
        start,
        accumulator: newer === undefined ? copy(accumulator) : merge(copy(accumulator), copy(newer.accumulator)),
      })
    }
    this.#front = front
    this.#back = undefined
    this.#backStart = Number.POSITIVE_INFINITY
    this.#end = to
  }
}

/** The index of the first slice that begins at `start` or later. */
export function placeOf(slices: readonly Slice<unknown>[], start: number): number {
  let low = 0
  let high = slices.length
  // Nearly always the newest, or the oldest.
  if (high === 0 || slices[high - 1]!.start < start) return high
  if (slices[0]!.start >= start) return 0
  while (low < high) {
    const middle = (low + high) >> 1
    if (slices[middle]!.start < start) low = middle + 1
    else high = middle
  }
  return low
}
