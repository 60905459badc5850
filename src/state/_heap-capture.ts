import { EPOCH_STEP, HANDED_OVER, LOGGED } from "./_epochs.ts"
import type { KeyGroup } from "./_key-group.ts"
import type { EntryWriter } from "./entry-writer.ts"
import { hashKey } from "./key-hash.ts"
import type { TableCapture } from "./state-table.ts"

export interface HeapCaptureOptions<V> {
  /** The store's own, alive: those that it had when the capture was taken. */
  readonly groups: readonly KeyGroup<V>[]
  /** Whether only what `taken` and `takenGone` of the groups name is handed over. */
  readonly changesOnly: boolean
  /** Entries whose epoch is less are no part of it. */
  readonly sinceEpoch: number
  /** The one that the capture began. Entries of it were touched after the capture. */
  readonly epoch: number
  readonly writer: EntryWriter<V>
  /** The capture needs to hear of touches no more. */
  onEnd(): void
  onCancel(): void
}

/**
 * A running capture of a HeapKeyedStore: walks the groups in order. An entry handed over is marked (_epochs.ts), so neither the walk
 * nor a touch hands it over again.
 */
export class HeapCapture<V> implements TableCapture {
  readonly #options: HeapCaptureOptions<V>
  readonly #groups: readonly KeyGroup<V>[]
  /** For a capture of everything: slots that there were. */
  readonly #tops: readonly number[]
  /** The epoch before its own. */
  readonly #lastEpoch: number
  /** All groups before this one are handed over, and of this one what stands before `#at`. */
  #group = 0
  #at = 0
  #ended = false

  constructor(options: HeapCaptureOptions<V>) {
    this.#options = options
    this.#lastEpoch = options.epoch - EPOCH_STEP
    this.#groups = options.groups
    this.#tops = this.#groups.map((group) => group.slots)
    for (const group of this.#groups) group.pins += 1
  }

  /** Hands over an entry, if it is part of the capture and still there as it was. To be called before it changes. */
  touch(group: KeyGroup<V>, slot: number): void {
    if (!this.#isWanted(group, slot)) return
    // A deletion of its key, if there was one, comes before it.
    if (this.#options.changesOnly) this.#removeGone(group, group.takenGone.length)
    this.#handOver(group, slot)
  }

  write(budget: number): boolean {
    const { writer, changesOnly } = this.#options
    writer.check()
    let left = budget
    for (; this.#group < this.#groups.length; this.#group++, this.#at = 0) {
      const group = this.#groups[this.#group]!
      if (changesOnly) left -= this.#removeGone(group, left)
      const { taken } = group
      const end = changesOnly ? taken.length : this.#tops[this.#group]!
      const upTo = Math.min(end, this.#at + left)
      left -= upTo - this.#at
      for (; this.#at < upTo; this.#at++) {
        const slot = changesOnly ? taken[this.#at]! : this.#at
        if (group.keyOf(slot) !== undefined && this.#isWanted(group, slot)) this.#handOver(group, slot)
      }
      if (left === 0 && (this.#at < end || (changesOnly && group.goneWritten < group.takenGone.length))) {
        writer.check()
        return false
      }
    }
    writer.check()
    this.#end()
    return true
  }

  cancel(): void {
    this.#end()
    this.#options.onCancel()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const group of this.#groups) group.pins -= 1
    this.#options.onEnd()
  }

  #isWanted(group: KeyGroup<V>, slot: number): boolean {
    const epoch = group.epochOf(slot)
    return epoch >= this.#options.sinceEpoch && epoch < this.#lastEpoch + LOGGED
  }

  #handOver(group: KeyGroup<V>, slot: number): void {
    group.setEpoch(slot, this.#lastEpoch + HANDED_OVER)
    this.#options.writer.put(group.hashOf(slot), group.keyOf(slot)!, null, group.valueOf(slot))
  }

  /** @returns how many deletions it handed over */
  #removeGone(group: KeyGroup<V>, budget: number): number {
    const from = group.goneWritten
    const upTo = Math.min(group.takenGone.length, from + budget)
    for (let at = from; at < upTo; at++) {
      const key = group.takenGone[at]!
      this.#options.writer.remove(hashKey(key), key, null)
    }
    group.goneWritten = upTo
    return upTo - from
  }
}
