import type { Aggregate, ResultOf } from "../../contracts/index.ts"
import { EngineError } from "../../errors/index.ts"
import { copierOf, type StateCodec, stateCodecOf } from "../../state/index.ts"
import { COUNTS } from "./count.ts"

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
  encode(accumulator: CombinedAccumulator): unknown
  decode(plain: unknown): CombinedAccumulator
  copy(accumulator: CombinedAccumulator): CombinedAccumulator
  /** The flat record `{ key, ...results }`. */
  keyed<K>(key: K, results: AggregateResults<A>): { key: K } & AggregateResults<A>
  /** The flat record `{ key, window, ...results }`. */
  windowed<K, W>(key: K, window: W, results: AggregateResults<A>): { key: K; window: W } & AggregateResults<A>
  /** The flat record `{ window, ...results }`, where there is no key. */
  windowedAll<W>(window: W, results: AggregateResults<A>): { window: W } & AggregateResults<A>
}

/** The accumulators of the parts, as fields p0, p1, ..., changed in place; or the number of one that counts and is alone. */
export type CombinedAccumulator = number | { [part: `p${number}`]: unknown }

const RESERVED = ["key", "window", "retraction"]

/**
 * Joins named aggregates into one.
 *
 * `add` runs for every record of a job, so it is compiled: one straight line of calls per set of aggregates, over an
 * accumulator class of its own. With a loop over the parts the engine's compiler can neither inline them nor know the
 * types of their accumulators: measured at a third to a half of the speed for count + mean + max + mean.
 *
 * A count alone is kept as the number that it is: an object around it is one place of memory more to wait for, per record (docs/design/012).
 * Other numbers are not: each that is no small integer would be a new object, which the old one in the state points at.
 *
 * In a snapshot an accumulator is an object with a field for each part, by name: the order of naming may change, and a part
 * that is gone is left out. One that is new has no past, so restoring refuses it.
 *
 * @throws {EngineError} AGGREGATE_NAME_RESERVED for `key`, `window` and `retraction`, which name the other fields of a result
 * @throws {EngineError} AGGREGATE_EMPTY when there are none
 * @throws {EngineError} STATE_CODEC_INCOMPLETE when one of them has `encode` or `decode` alone
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
  const retractable = names.every((name) => aggregates[name]!.retract !== undefined)
  const isCount = names.length === 1 && COUNTS in aggregates[names[0]!]!
  const source = sourceOf(names, retractable, isCount ? ALONE : SIDE_BY_SIDE)
  const compile = new Function("parts", "codecs", "copiers", "partMissing", source) as (
    parts: readonly unknown[],
    codecs: readonly StateCodec<unknown>[],
    copiers: readonly ((accumulator: unknown) => unknown)[],
    refuse: typeof partMissing,
  ) => CombinedAggregate<T, A>
  const codecs = names.map((name) => stateCodecOf<unknown>(aggregates[name]!, `the aggregate "${name}"`) ?? AS_IT_IS)
  return compile(
    names.map((name) => aggregates[name]),
    codecs,
    names.map((name) => copierOf<unknown>(aggregates[name]!, `the aggregate "${name}"`)),
    partMissing,
  )
}

const AS_IT_IS: StateCodec<unknown> = { encode: (value) => value, decode: (plain) => plain }

function partMissing(name: string, snapshot: object): EngineError {
  const held = Object.keys(snapshot).join(", ")
  return new EngineError(
    "STATE_INCOMPATIBLE",
    `Cannot restore the aggregate "${name}": the snapshot has ${held} only, and starting it from nothing would give wrong results; ` +
      "give it its former name, leave it out, or start the job without the snapshot",
    { details: { name, held } },
  )
}

/** How the accumulators of the parts are kept, in source code. */
interface Layout {
  readonly declaration: (parts: readonly string[]) => string
  readonly create: (parts: readonly string[]) => string
  readonly part: (accumulator: string, index: number) => string
}

const SIDE_BY_SIDE: Layout = {
  declaration: (parts) => `class Accumulator {
  constructor(${parts.join(", ")}) {
    ${parts.map((part) => `this.${part} = ${part}`).join("\n")}
  }
}`,
  create: (parts) => `new Accumulator(${parts.join(", ")})`,
  part: (accumulator, index) => `${accumulator}.p${index}`,
}

const ALONE: Layout = {
  declaration: () => "",
  create: ([part]) => part!,
  part: (accumulator) => accumulator,
}

function sourceOf(names: readonly string[], retractable: boolean, layout: Layout): string {
  const list = (part: (index: number) => string) => names.map((_name, index) => part(index))
  const each = (line: (index: number) => string) => list(line).join("\n    ")
  // In a literal, "__proto__": x would set the prototype; a computed name is a field like any other.
  const field = (name: string) => (name === "__proto__" ? '["__proto__"]' : JSON.stringify(name))
  const fields = (value: (index: number, name: string) => string) =>
    names.map((name, index) => `${field(name)}: ${value(index, name)}`).join(", ")
  const copies = fields((_index, name) => `results[${JSON.stringify(name)}]`)
  const of = (accumulator: string) => (index: number) => layout.part(accumulator, index)
  const [mine, left, right, merged] = [of("accumulator"), of("left"), of("right"), of("merged")]
  return `"use strict"
${each((i) => `const a${i} = parts[${i}], c${i} = codecs[${i}], k${i} = copiers[${i}]`)}
${layout.declaration(list((i) => `p${i}`))}
function held(plain, name) {
  if (!Object.hasOwn(plain, name)) throw partMissing(name, plain)
  return plain[name]
}
return {
  create() {
    return ${layout.create(list((i) => `a${i}.create()`))}
  },
  add(accumulator, value) {
    ${each((i) => `${mine(i)} = a${i}.add(${mine(i)}, value)`)}
    return accumulator
  },
  merge(left, right) {
    ${each((i) => `${left(i)} = a${i}.merge(${left(i)}, ${right(i)})`)}
    return left
  },
${
  retractable
    ? `  retract(left, merged) {
    ${each((i) => `${left(i)} = a${i}.retract(${left(i)}, ${merged(i)})`)}
    return left
  },
  retractsExactly(accumulator) {
    return ${list((i) => `(a${i}.retractsExactly === undefined || a${i}.retractsExactly(${mine(i)}))`).join(" && ")}
  },
`
    : ""
}  copy(accumulator) {
    return ${layout.create(list((i) => `k${i}(${mine(i)})`))}
  },
  encode(accumulator) {
    return { ${fields((i) => `c${i}.encode(${mine(i)})`)} }
  },
  decode(plain) {
    return ${layout.create(list((i) => `c${i}.decode(held(plain, ${JSON.stringify(names[i])}))`))}
  },
  result(accumulator) {
    return { ${fields((i) => `a${i}.result(${mine(i)})`)} }
  },
  keyed(key, results) {
    return { key, ${copies} }
  },
  windowedAll(window, results) {
    return { window, ${copies} }
  },
  windowed(key, window, results) {
    return { key, window, ${copies} }
  },
}`
}
