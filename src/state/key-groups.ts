/** Key groups of a job unless it says otherwise: the unit in which keyed state moves between subtasks, fixed for a job's life. */
export const DEFAULT_KEY_GROUPS = 128

/**
 * The key group of a key.
 * @param hash from `hashKey`: unsigned 32-bit
 */
export function keyGroupOf(hash: number, keyGroups: number): number {
  // The same as the remainder for powers of two, such as the default, and much faster: a lookup by key takes half the time.
  if ((keyGroups & (keyGroups - 1)) === 0) return hash & (keyGroups - 1)
  // The shifts tell the compiler that both are unsigned integers: without them it divides floating-point numbers.
  return (hash >>> 0) % (keyGroups >>> 0)
}

/**
 * The subtask that owns a key group: contiguous ranges of nearly equal size (as in Flink's KeyGroupRangeAssignment).
 * @param parallelism subtasks: 1..keyGroups, since one without a key group would have nothing to do
 */
export function subtaskOfKeyGroup(group: number, keyGroups: number, parallelism: number): number {
  return Math.floor((group * parallelism) / keyGroups)
}

/** Key groups [first, end). */
export interface KeyGroupRange {
  readonly first: number
  readonly end: number
}

/** The key groups that a subtask owns: exactly those that `subtaskOfKeyGroup` gives to it. */
export function keyGroupRange(subtask: number, keyGroups: number, parallelism: number): KeyGroupRange {
  return {
    first: Math.ceil((subtask * keyGroups) / parallelism),
    end: Math.ceil(((subtask + 1) * keyGroups) / parallelism),
  }
}
