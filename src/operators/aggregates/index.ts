/**
 * Aggregates for windows and running results. Each promises a result that does not depend on the order of records (sums of
 * fractions excepted, see sum.ts). Leans on contracts/, state/ (identity of keys) and errors/. Read combined-aggregate.ts first.
 */
export {
  type AggregateResults,
  type Aggregates,
  type CombinedAggregate,
  combineAggregates,
} from "./combined-aggregate.ts"
export { count } from "./count.ts"
export { countDistinct } from "./count-distinct.ts"
export { defineAggregate } from "./define-aggregate.ts"
export { max } from "./max.ts"
export { type MeanAccumulator, mean } from "./mean.ts"
export { min } from "./min.ts"
export { sum } from "./sum.ts"
