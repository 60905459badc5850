import type { EntryWriter } from "../entry-writer.ts"
import { hashKey } from "../key-hash.ts"
import type { KeyIdentity } from "../key-identity.ts"
import { keyOfIdentity } from "../key-of-identity.ts"
import type { TableCapture } from "../state-table.ts"
import type { DiskEntries, PendingEntry } from "./_disk-entries.ts"
import type { ClosableView } from "./ordered-bytes.ts"

/** Per key group; undefined stands for an empty one. */
export type Groups<T> = (T | undefined)[]

export interface DiskCaptureOptions {
  /** What was on disk. */
  readonly view: ClosableView
  readonly prefix: Uint8Array
  readonly entries: DiskEntries
  /** What waited to be written, to be laid over the view. */
  readonly pending: ReadonlyMap<KeyIdentity, PendingEntry>
  /** The keys to hand over; all that are there when undefined. */
  readonly changed: Groups<ReadonlySet<KeyIdentity>> | undefined
  readonly writer: EntryWriter<Uint8Array>
  onEnd(): void
  onCancel(): void
}

/** A running capture of a DiskKeyedStore: of what was on disk, and what waited to be written, when it was taken. */
export class DiskCapture implements TableCapture {
  readonly #options: DiskCaptureOptions
  readonly #changed: Iterator<KeyIdentity> | undefined
  readonly #waiting: Iterator<readonly [KeyIdentity, PendingEntry]>
  #allWaiting = false
  #after: Uint8Array | undefined
  #open = true

  constructor(options: DiskCaptureOptions) {
    this.#options = options
    this.#changed = options.changed === undefined ? undefined : membersOf(options.changed)
    this.#waiting = options.pending.entries()
  }

  write(budget: number): boolean {
    const { writer } = this.#options
    writer.check()
    const done = this.#changed === undefined ? this.#writeAll(budget) : this.#writeChanged(budget, this.#changed)
    writer.check()
    if (done) this.#end()
    return done
  }

  cancel(): void {
    this.#end()
    this.#options.onCancel()
  }

  #writeChanged(budget: number, changed: Iterator<KeyIdentity>): boolean {
    const { pending, entries, view } = this.#options
    for (let looked = 0; looked < budget; looked++) {
      const { done, value: identity } = changed.next()
      if (done === true) return true
      const waiting = pending.get(identity)
      const keyHash = waiting?.keyHash ?? hashKey(keyOfIdentity(identity))
      this.#handOver(identity, keyHash, waiting === undefined ? entries.get(view, identity, keyHash) : waiting.bytes)
    }
    return false
  }

  #writeAll(budget: number): boolean {
    const { pending, entries, view, prefix } = this.#options
    let looked = 0
    while (!this.#allWaiting) {
      if (looked === budget) return false
      const { done, value } = this.#waiting.next()
      if (done === true) this.#allWaiting = true
      else {
        looked += 1
        if (value[1].bytes !== undefined) this.#handOver(value[0], value[1].keyHash, value[1].bytes)
      }
    }
    const limit = budget === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : budget - looked
    if (limit === 0) return false
    const page = view.range(prefix, this.#after, limit)
    for (const { key: place, value } of page) {
      for (const [identity, bytes] of entries.at(place, value)) {
        if (!pending.has(identity)) this.#handOver(identity, hashKey(keyOfIdentity(identity)), bytes)
      }
      this.#after = place
    }
    return page.length < limit
  }

  #handOver(identity: KeyIdentity, keyHash: number, bytes: Uint8Array | undefined): void {
    const key = keyOfIdentity(identity)
    if (bytes === undefined) this.#options.writer.remove(keyHash, key, null)
    else this.#options.writer.put(keyHash, key, null, bytes)
  }

  #end(): void {
    if (this.#open) this.#options.view.close()
    this.#open = false
    this.#options.onEnd()
  }
}

function* membersOf(groups: Groups<ReadonlySet<KeyIdentity>>): Iterator<KeyIdentity> {
  for (const group of groups) if (group !== undefined) yield* group
}
