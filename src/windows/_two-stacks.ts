import { type Combination, type Merging, placeOf, type Slice } from "./_combination.ts"

/**
 * A combination for every aggregate: nothing is ever taken out again.
 *
 * Slices before `#boundary` are in the front: for each, the combination of it and all that follow up to the boundary. Those
 * behind it are combined in one total, the back. When the last slice has left the front, the back is turned into a new front.
 * So a slice is merged at most twice, and a query merges two accumulators. As many accumulators as slices.
 *
 * Source: Tangwongsan, Hirzel, Schneider, DEBS 2017 (two-stacks, and DABA after it), over slices in place of records.
 */
export class TwoStacks<Acc> implements Combination<Acc> {
  readonly #merging: Merging<Acc>
  /** Newest first, so that the oldest is taken from the end. */
  #front: Slice<Acc>[] = []
  #back: Acc | undefined
  /** Start of the oldest slice of the back. */
  #backStart = Number.POSITIVE_INFINITY
  /** Slices that begin from here on, and before `#end`, are in the front or the back. */
  #from = Number.NEGATIVE_INFINITY
  #end = Number.NEGATIVE_INFINITY
  work = 0

  constructor(merging: Merging<Acc>) {
    this.#merging = merging
  }

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

  add(slice: Slice<Acc>, _isNew: boolean, addTo: (accumulator: Acc) => Acc): boolean {
    slice.accumulator = addTo(slice.accumulator)
    const { start } = slice
    if (start >= this.#end || start < this.#from) return true
    if (this.#back === undefined || start < this.#backStart) return false
    this.#back = addTo(this.#back)
    return true
  }

  leave(): boolean {
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
