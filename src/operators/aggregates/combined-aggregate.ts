import type { Aggregate, ResultOf } from "../../contracts/index.ts"
import { EngineError } from "../../errors/index.ts"

/** Several aggregates over the same records, by the name of their result. */
// biome-ignore lint/suspicious/noExplicitAny: accumulators and results differ from one to the next; only `any` matches each
export type Aggregates<T> = Readonly<Record<string, Aggregate<T, any, any>>>

/** One object with the result of each aggregate. */
export type AggregateResults<A> = { -readonly [Name in keyof A]: ResultOf<A[Name]> }

/**
 * Several aggregates as one. The accumulator holds theirs side by side; `result` is an object with a field for each, always
 * in the order in which they were named.
 */
export interface CombinedAggregate<T, A> extends Aggregate<T, CombinedAccumulator, AggregateResults<A>> {
  /** The flat record `{ key, ...results }`. */
  keyed<K>(key: K, results: AggregateResults<A>): { key: K } & AggregateResults<A>
  /** The flat record `{ key, window, ...results }`. */
  windowed<K, W>(key: K, window: W, results: AggregateResults<A>): { key: K; window: W } & AggregateResults<A>
}

/** The accumulators of the parts, as fields p0, p1, ... Changed in place. */
export interface CombinedAccumulator {
  [part: `p${number}`]: unknown
}

const RESERVED = ["key", "window"]

/**
 * Joins named aggregates into one.
 *
 * `add` runs for every record of a job, so it is compiled: one straight line of calls per set of aggregates, over an
 * accumulator class of its own. With a loop over the parts the engine's compiler can neither inline them nor know the
 * types of their accumulators: measured at a third to a half of the speed for count + mean + max + mean.
 *
 * @throws {EngineError} AGGREGATE_NAME_RESERVED for `key` and `window`, which name the other fields of a result
 * @throws {EngineError} AGGREGATE_EMPTY when there are none
 */
export function combineAggregates<T, A extends Aggregates<T>>(aggregates: A): CombinedAggregate<T, A> {
  const names = Object.keys(aggregates)
  if (names.length === 0) {
    throw new EngineError(
      "AGGREGATE_EMPTY",
      "Cannot aggregate: no aggregate is named; give at least one, e.g. { records: count() }",
    )
  }
  for (const name of names) {
    if (!RESERVED.includes(name)) continue
    throw new EngineError(
      "AGGREGATE_NAME_RESERVED",
      `Cannot name an aggregate "${name}": results carry the ${name} under this name; choose another, e.g. "${name}s"`,
      { details: { name } },
    )
  }
  // The source holds nothing of the user's but the names, as string literals.
  const compile = new Function("parts", sourceOf(names)) as (parts: readonly unknown[]) => CombinedAggregate<T, A>
  return compile(names.map((name) => aggregates[name]))
}

function sourceOf(names: readonly string[]): string {
  const each = (line: (index: number) => string, separator = "\n") =>
    names.map((_name, index) => line(index)).join(separator)
  // In a literal, "__proto__": x would set the prototype; a computed name is a field like any other.
  const field = (name: string) => (name === "__proto__" ? '["__proto__"]' : JSON.stringify(name))
  const fields = (value: (index: number, name: string) => string) =>
    names.map((name, index) => `${field(name)}: ${value(index, name)}`).join(", ")
  const copies = fields((_index, name) => `results[${JSON.stringify(name)}]`)
  return `"use strict"
${each((i) => `const a${i} = parts[${i}]`)}
class Accumulator {
  constructor() {
    ${each((i) => `this.p${i} = a${i}.create()`)}
  }
}
return {
  create() {
    return new Accumulator()
  },
  add(accumulator, value) {
    ${each((i) => `accumulator.p${i} = a${i}.add(accumulator.p${i}, value)`)}
    return accumulator
  },
  merge(left, right) {
    ${each((i) => `left.p${i} = a${i}.merge(left.p${i}, right.p${i})`)}
    return left
  },
  result(accumulator) {
    return { ${fields((i) => `a${i}.result(accumulator.p${i})`)} }
  },
  keyed(key, results) {
    return { key, ${copies} }
  },
  windowed(key, window, results) {
    return { key, window, ${copies} }
  },
}`
}
