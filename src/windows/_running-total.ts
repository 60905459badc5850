import { type Combination, placeOf, type Retracting, type Slice } from "./_combination.ts"

/**
 * One total: a slice that comes is merged into it, one that goes is taken out again. For aggregates that have `retract`, as long as
 * it is exact for every slice and every total on the way: whole numbers, not fractions, whose error would grow for ever.
 *
 * Per query one merge, one retraction and one copy, whatever the size over the slide. One accumulator.
 */
export class RunningTotal<Acc> implements Combination<Acc> {
  readonly #merging: Retracting<Acc>
  /** Of the slices that begin in [from, end). */
  #total: Acc | undefined
  #from = Number.NEGATIVE_INFINITY
  #end = Number.NEGATIVE_INFINITY
  work = 0

  constructor(merging: Retracting<Acc>) {
    this.#merging = merging
  }

  query(slices: readonly Slice<Acc>[], first: number, from: number, to: number): Acc | undefined {
    // Nothing in common, as where cumulative windows begin anew.
    if (from >= this.#end) {
      this.#total = undefined
      this.#from = this.#end = from
    } else if (!this.leave(slices, from)) return undefined
    let index = Math.max(first, placeOf(slices, this.#end))
    for (; index < slices.length && slices[index]!.start < to; index++) {
      if (!this.#merge(slices[index]!.accumulator)) return undefined
    }
    if (to > this.#end) this.#end = to
    return this.#merging.copy(this.#total as Acc)
  }

  add(slice: Slice<Acc>, isNew: boolean, addTo: (accumulator: Acc) => Acc): boolean {
    const held = slice.start >= this.#from && slice.start < this.#end
    const followed = !held || isNew || this.#retract(slice.accumulator)
    slice.accumulator = addTo(slice.accumulator)
    return followed && (!held || this.#merge(slice.accumulator))
  }

  leave(slices: readonly Slice<Acc>[], start: number): boolean {
    if (start <= this.#from) return true
    for (let index = placeOf(slices, this.#from); index < slices.length; index++) {
      const slice = slices[index]!
      if (slice.start >= start || slice.start >= this.#end) break
      if (!this.#retract(slice.accumulator)) return false
    }
    this.#from = start
    return true
  }

  #merge(accumulator: Acc): boolean {
    const { merge, copy, retractsExactly } = this.#merging
    this.work += 1
    if (!retractsExactly(accumulator)) return false
    this.#total = this.#total === undefined ? copy(accumulator) : merge(this.#total, copy(accumulator))
    return retractsExactly(this.#total)
  }

  #retract(accumulator: Acc): boolean {
    const { retract, retractsExactly } = this.#merging
    this.work += 1
    this.#total = retract(this.#total as Acc, accumulator)
    return retractsExactly(this.#total)
  }
}
