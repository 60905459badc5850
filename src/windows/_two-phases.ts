import type { Aggregate } from "../contracts/index.ts"
import { invariant } from "../errors/index.ts"
import { copierOf, type Key, stateCodecOf } from "../state/index.ts"
import type { LocalResult } from "./local-window-operator.ts"

/**
 * The aggregate of the second phase: merges what the first has added up, and adds the records that it let through.
 * @param shared a result is added more than once: it is copied, for `merge` may take parts of it over
 */
export function mergingAggregate<In, K extends Key, Acc, R>(
  aggregate: Aggregate<In, Acc, R>,
  shared: boolean,
): Aggregate<LocalResult<K>, Acc, R> {
  const codec = stateCodecOf<Acc>(aggregate, "the aggregate")
  const decode = (plain: unknown): Acc => (codec === undefined ? (plain as Acc) : codec.decode(plain))
  const copy = copierOf<Acc>(aggregate, "the aggregate")
  const accumulatorOf = shared ? (plain: unknown): Acc => copy(decode(plain)) : decode
  return {
    create: () => aggregate.create(),
    add: (accumulator, { isRecord, value }) =>
      isRecord ? aggregate.add(accumulator, value as In) : aggregate.merge(accumulator, accumulatorOf(value)),
    merge: (left, right) => aggregate.merge(left, right),
    result: (accumulator) => aggregate.result(accumulator),
    ...(aggregate.retract === undefined
      ? {}
      : {
          retract: (left: Acc, merged: Acc) => aggregate.retract!(left, merged),
          retractsExactly: (accumulator: Acc) => aggregate.retractsExactly?.(accumulator) ?? true,
        }),
    ...(aggregate.copy === undefined ? {} : { copy: (accumulator: Acc) => aggregate.copy!(accumulator) }),
    ...(codec === undefined
      ? {}
      : { encode: (accumulator: Acc) => codec.encode(accumulator), decode: (plain: unknown) => codec.decode(plain) }),
  }
}

/** Where results of the first phase go: to the subtask that has the key. */
export function keyOfLocalResult<K extends Key>({ key }: LocalResult<K>): K {
  return key
}

/** A late one is a record: the others were in time (see LocalWindowOperator). */
export function recordOfLocalResult({ isRecord, value, key }: LocalResult<Key>): unknown {
  invariant(isRecord, () => `records of key ${String(key)} that were in time at the first phase are late at the second`)
  return value
}
