/**
 * An incremental aggregate. `add` may change and return the same accumulator, or return a new one.
 * Results must not depend on the order of `add` and `merge` (commutative, associative), else they depend on parallelism.
 */
export interface Aggregate<T, Acc, R> {
  create(): Acc
  add(accumulator: Acc, value: T): Acc
  /** Joins two accumulators into one; either may be changed. */
  merge(left: Acc, right: Acc): Acc
  result(accumulator: Acc): R
  /**
   * An accumulator that can be changed without changing this one. For windows that share or fire more than once; without it
   * plain data is copied part by part, which is slower.
   */
  copy?(accumulator: Acc): Acc
  /**
   * The inverse of `merge`: takes out of `left` what `merged`, which was merged into it before, holds. `left` may be changed,
   * `merged` not. Windows that overlap then keep one running total per key, and neither partial ones nor their memory. Leave it out
   * where no exact answer is possible, as for a maximum.
   */
  retract?(left: Acc, merged: Acc): Acc
  /**
   * Whether `retract` is exact where this accumulator takes part, as sums are of whole numbers but not of fractions: where it is
   * not, windows merge and never retract. Without it: always.
   */
  retractsExactly?(accumulator: Acc): boolean
  /**
   * Makes plain data of an accumulator, for a checkpoint: numbers, strings, dates, maps, arrays, plain objects. Comes with
   * `decode`. Without both, the accumulator has to be plain data itself.
   */
  encode?(accumulator: Acc): unknown
  /** The accumulator that `encode` made this of. */
  decode?(plain: unknown): Acc
}

/** The result type of an aggregate. */
// biome-ignore lint/suspicious/noExplicitAny: an aggregate is contravariant in T; only `any` matches every one of them
export type ResultOf<A> = A extends Aggregate<any, any, infer R> ? R : never
