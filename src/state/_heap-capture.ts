import { invariant } from "../errors/index.ts"
import type { EntryWriter } from "./entry-writer.ts"
import { hashKey } from "./key-hash.ts"
import type { KeyIdentity } from "./key-identity.ts"
import { keyOfIdentity } from "./key-of-identity.ts"
import type { TableCapture } from "./state-table.ts"

/** Per key group; undefined stands for an empty one. */
export type Groups<T> = (T | undefined)[]

export interface HeapCaptureOptions<V> {
  /** The store's own, alive. */
  readonly values: Readonly<Groups<ReadonlyMap<KeyIdentity, V>>>
  /** The keys to hand over; all that are there now when undefined. */
  readonly changed: Groups<ReadonlySet<KeyIdentity>> | undefined
  readonly writer: EntryWriter<V>
  /** The capture needs to hear of touches no more. */
  onEnd(): void
  onCancel(): void
}

/**
 * A running capture of a HeapKeyedStore. It walks the groups in order and remembers which keys of the group at hand, and of
 * those to come, need nothing more: because they were handed over, or because they were added later.
 */
export class HeapCapture<V> implements TableCapture {
  readonly #options: HeapCaptureOptions<V>
  /** Keys of each group that are part of the capture and not handed over. At 0 the rest of the group are later additions. */
  readonly #left: number[]
  readonly #settled: Groups<Set<KeyIdentity>>
  /** All groups before this one are handed over. */
  #group = 0
  #keys: Iterator<KeyIdentity> | undefined

  constructor(options: HeapCaptureOptions<V>) {
    this.#options = options
    const parts: Readonly<Groups<{ readonly size: number }>> = options.changed ?? options.values
    this.#left = parts.map((part) => part?.size ?? 0)
    this.#settled = new Array(parts.length).fill(undefined)
  }

  /** Hands over a key's entry, if it is part of the capture and still there as it was. To be called before it changes, or is added. */
  touch(group: number, identity: KeyIdentity): void {
    if (group < this.#group || this.#left[group] === 0) return
    const settled = this.#settledIn(group)
    if (!settled.has(identity)) this.#handOver(group, identity, settled)
  }

  write(budget: number): boolean {
    this.#options.writer.check()
    const groups = this.#left.length
    let looked = 0
    while (this.#group < groups) {
      const group = this.#group
      if (this.#left[group] !== 0) {
        const settled = this.#settledIn(group)
        this.#keys ??= this.#keysOf(group)
        for (; this.#left[group] !== 0; looked++) {
          if (looked === budget) {
            this.#options.writer.check()
            return false
          }
          const next = this.#keys.next()
          invariant(
            next.done !== true,
            () => `${this.#left[group]} keys of group ${group} left it while it was captured`,
          )
          if (!settled.has(next.value)) this.#handOver(group, next.value, settled)
        }
      }
      this.#keys = undefined
      this.#settled[group] = undefined
      this.#group += 1
    }
    this.#options.writer.check()
    this.#options.onEnd()
    return true
  }

  cancel(): void {
    this.#options.onEnd()
    this.#options.onCancel()
  }

  #settledIn(group: number): Set<KeyIdentity> {
    let settled = this.#settled[group]
    if (settled === undefined) {
      settled = new Set()
      this.#settled[group] = settled
    }
    return settled
  }

  #keysOf(group: number): Iterator<KeyIdentity> {
    // Keys that are part of the capture come before any added later: a Map keeps the order of insertion.
    return (this.#options.changed?.[group] ?? this.#options.values[group]!).keys()
  }

  #handOver(group: number, identity: KeyIdentity, settled: Set<KeyIdentity>): void {
    const { changed, values, writer } = this.#options
    if (changed !== undefined && changed[group]?.has(identity) !== true) return
    settled.add(identity)
    const value = values[group]?.get(identity)
    const held = value !== undefined || values[group]?.has(identity) === true
    // Not held, in a capture of everything: it is about to be added.
    if (!held && changed === undefined) return
    this.#left[group]! -= 1
    const key = keyOfIdentity(identity)
    if (held) writer.put(hashKey(key), key, null, value as V)
    else writer.remove(hashKey(key), key, null)
  }
}
