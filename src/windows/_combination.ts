/** What is needed of an aggregate to combine slices. */
export interface Merging<Acc> {
  /** Either may be changed. */
  merge(left: Acc, right: Acc): Acc
  copy(accumulator: Acc): Acc
}

export interface Retracting<Acc> extends Merging<Acc> {
  /** Takes out of `left`, which may be changed, what was merged into it. */
  retract(left: Acc, merged: Acc): Acc
  /** Whether `retract` is exact where this accumulator takes part. */
  retractsExactly(accumulator: Acc): boolean
}

/** A slice of one key's records. */
export interface Slice<Acc> {
  readonly start: number
  accumulator: Acc
}

/**
 * The running combination of a run of slices that moves forward at both ends. Derived from the slices, which it neither changes nor
 * keeps: it may be thrown away at any time.
 */
export interface Combination<Acc> {
  /** Merges, retractions and copies made so far. */
  readonly work: number
  /**
   * The combination of the slices that begin in [from, to): a copy of the caller's own. Neither bound goes back from call to call.
   * @param slices by rising start, at least one of them in [from, to)
   * @param first index of the first one that begins at `from` or later
   * @returns undefined when this kind of combination cannot tell: throw it away and take another
   */
  query(slices: readonly Slice<Acc>[], first: number, from: number, to: number): Acc | undefined
  /**
   * Adds a record to a slice by `addTo`, and follows.
   * @param isNew the slice was made for the record
   * @returns false when it cannot follow: throw it away
   */
  add(slice: Slice<Acc>, isNew: boolean, addTo: (accumulator: Acc) => Acc): boolean
  /** Slices that begin before `start` are about to be taken out of the list. @returns false when it cannot follow */
  leave(slices: readonly Slice<Acc>[], start: number): boolean
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
