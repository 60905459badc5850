import type { Key } from "../state/index.ts"
import type { Combination, Slice } from "./_combination.ts"

/** The epoch of what was loaded from a snapshot and not touched since. */
export const LOADED = -1

/** A slice with the epochs of the table (see _slice-table.ts) in which it was made and last touched. */
export interface SliceEntry<Acc> extends Slice<Acc> {
  readonly openedIn: number
  epoch: number
}

/** What is kept for one key: its slices, and when it next has something to do. */
export class SliceKey<K extends Key, Acc> {
  readonly key: K
  readonly keyHash: number
  /** Rises in the order in which keys first came: results leave in it. */
  readonly sequence: number
  readonly openedIn: number
  /** Of what is saved beside the slices. */
  epoch: number
  /** By rising start. Those before `head` are gone: taking each out of a long list would cost more than all the rest. */
  slices: SliceEntry<Acc>[] = []
  head = 0
  /** Derived. */
  combination: Combination<Acc> | undefined
  /** The end of the next window that fires; +Infinity when there is none. */
  nextEnd = Number.POSITIVE_INFINITY
  /** When its oldest slice goes, as the end of a window would be; +Infinity when it has none. */
  expiry = Number.POSITIVE_INFINITY
  /** How often windows have fired that did so after their time, by end; none when late records do not fire. */
  firings: Map<number, number> | undefined
  /** From a snapshot: windows up to this end have fired, and more of them since. */
  firedTo = Number.NEGATIVE_INFINITY
  /** Only while it is restored: which former subtask had it. */
  former = 0
  /** It has no slices any more, and is not in the table. */
  gone = false
  /** Rises along the table's list of keys, as `sequence` need not among keys of several former subtasks. Not saved. */
  rank = 0

  constructor(key: K, keyHash: number, sequence: number, epoch: number) {
    this.key = key
    this.keyHash = keyHash
    this.sequence = sequence
    this.openedIn = epoch
    this.epoch = epoch
  }

  get oldest(): SliceEntry<Acc> | undefined {
    return this.slices[this.head]
  }

  get next(): number {
    return this.nextEnd < this.expiry ? this.nextEnd : this.expiry
  }
}
