import type { Key } from "./keyed-store.ts"

/**
 * One named piece of keyed state that can be captured and restored: entries (key, namespace) -> value.
 *
 * - A capture holds what the table held when it was taken, whatever happens to the table before it is written (CUT-5).
 * - A capture of everything, and then of the changes one after the other, add up to the content of the last (ST-7).
 */
export interface StateTable {
  /** Unique in its operator. Names that begin with "$" belong to operators, others to users. */
  readonly name: string
  /** Entries that it holds, where that is known at once. */
  readonly entryCount?: number
  /**
   * Freezes the content as of now, in constant time or nearly so; no entry is looked at yet. One capture at a time: the one
   * before must have been written to its end or cancelled. A table that is about to change an entry not yet handed over
   * hands it over first, so `into` may be called at any time until the capture ends.
   * @param kind "changes": only what was set or deleted since the capture before this one, deletions included. For tables
   * that track changes
   */
  capture(kind: CaptureKind, into: EntrySink): TableCapture
  /**
   * Where it can: from now on `logChanges` hands over there what has changed and will hardly change again soon, so that the next
   * capture of changes need not. What was logged comes before what that capture hands over; when the capture is cancelled, it
   * comes before what is logged after it. For tables that track changes.
   */
  logTo?(log: ChangeSink): void
  /** To be called often, between two calls of the operator. O(what was touched since). */
  logChanges?(): void
  /**
   * Loads one entry of a snapshot: a later one of the same key and namespace replaces it, a deletion removes it. Before the first record.
   * @param former whose it was: the place of that subtask's value among those that its operator is given (`restoreValue`)
   */
  load(entry: TableEntry, former: number): void
}

export type CaptureKind = "all" | "changes"

export interface TableCapture {
  /**
   * Looks at up to `budget` more entries and hands over those that are part of the capture. The order is not fixed, above
   * all not by key group, but for one thing: a deletion comes before an entry of the same key and namespace.
   * @returns true when all have been handed over
   * @throws {EngineError} STATE_NOT_SERIALIZABLE, or what the sink threw, also what it threw when an entry was handed over
   * early. The capture is then of no use: cancel it
   */
  write(budget: number): boolean
  /**
   * Ends the capture early, or declares a written one void: its changes belong to the next one again. Call it whenever the
   * checkpoint did not complete, before the next capture is taken.
   */
  cancel(): void
}

export interface TableEntry {
  /** Unsigned 32-bit: names the key group. */
  readonly keyHash: number
  readonly key: Key
  /** Tells apart several entries of one key, such as the start of a window or the time of a timer; null where there is one. */
  readonly namespace: number | null
  /** Plain data. undefined for a deletion. */
  readonly value: unknown
  readonly deleted: boolean
}

export interface EntrySink {
  /** Must serialize at once: the value may change right after. */
  put(entry: TableEntry): void
}

/** Takes what changes between two captures. */
export interface ChangeSink {
  /** Whether it takes no more for now: changes are then left to the next capture. */
  readonly full: boolean
  /** Takes over the arrays, of equal length. The values themselves may change when it has returned. */
  put(keys: Key[], values: unknown[]): void
}
