/** What a member of an alignment group that is idle or done says in place of its watermark: it holds nobody back. */
export const HOLDS_NOBODY: number = Number.POSITIVE_INFINITY

/**
 * The slowest member of an alignment group: the one that the others must not leave behind. Pure, O(members).
 *
 * @param marks each member's watermark, event-time ms: -Infinity before its first record, HOLDS_NOBODY when idle or done
 * @returns its index; -1 when nobody holds
 */
export function slowestOf(marks: ArrayLike<number>): number {
  let slowest = -1
  for (let member = 0; member < marks.length; member++) {
    const mark = marks[member]!
    if (mark < (slowest === -1 ? HOLDS_NOBODY : marks[slowest]!)) slowest = member
  }
  return slowest
}

/**
 * Whether a member must wait for the others: it is more than the drift ahead of the slowest.
 *
 * The slowest member itself never waits, whatever the marks are: so some member can always go on, and a group never stops as
 * a whole. (As Flink's watermark alignment, FLIP-182, but decided by each reader from shared marks and not by a coordinator
 * once a second.)
 *
 * @param maxDriftMs ms >= 0
 */
export function mustWait(ownMs: number, slowestMs: number, maxDriftMs: number): boolean {
  // Nothing is further from -Infinity than -Infinity; and without this line -Infinity + drift would let nobody begin.
  if (ownMs === Number.NEGATIVE_INFINITY) return false
  return ownMs > slowestMs + maxDriftMs
}
