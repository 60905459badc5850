import type { Aggregate } from "../../contracts/index.ts"

/**
 * An aggregate of the user's own, typed from its parts. See `Aggregate` for what each must do; above all, results must
 * not depend on the order of `add` and `merge`.
 */
export function defineAggregate<T, Acc, R>(aggregate: Aggregate<T, Acc, R>): Aggregate<T, Acc, R> {
  return aggregate
}
