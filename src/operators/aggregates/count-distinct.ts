import type { Aggregate } from "../../contracts/index.ts"
import { type Key, type KeyIdentity, keyIdentity } from "../../state/index.ts"

/**
 * Counts the different values of `fn` of the records, exactly. Values are told apart as keys are: 1 and "1" differ, two
 * arrays with equal parts do not.
 *
 * @throws {EngineError} KEY_INVALID when `fn` returns something that cannot be a key
 * State: O(different values) memory per accumulator.
 */
export function countDistinct<T>(fn: (value: T) => Key): Aggregate<T, Set<KeyIdentity>, number> {
  return {
    create: () => new Set(),
    add: (seen, value) => seen.add(keyIdentity(fn(value))),
    merge(left, right) {
      const [into, from] = left.size >= right.size ? [left, right] : [right, left]
      for (const identity of from) into.add(identity)
      return into
    },
    copy: (seen) => new Set(seen),
    result: (seen) => seen.size,
  }
}
