import { invariant } from "../errors/index.ts"
import type { TimerCapture, TimerQueue } from "../time/index.ts"
import { EntryWriter } from "./entry-writer.ts"
import type { Key } from "./keyed-store.ts"
import type { CaptureKind, EntrySink, StateTable, TableCapture, TableEntry } from "./state-table.ts"

/**
 * The timers of an operator as a table: the namespace is a timer's time, the value its registration number, so that timers
 * of equal time fire in the order of their registration after a restore too.
 *
 * Cost: taking a capture copies the queue's array of references.
 */
export class TimerTable<K extends Key> implements StateTable {
  readonly name: string
  readonly #queue: TimerQueue<K>

  constructor(queue: TimerQueue<K>, name = "$timers") {
    this.#queue = queue
    this.name = name
  }

  get entryCount(): number {
    return this.#queue.size
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    return new TimerTableCapture(this.#queue.capture(kind), new EntryWriter<number>(this.name, into, undefined))
  }

  load({ key, keyHash, namespace, value, deleted }: TableEntry): void {
    invariant(namespace !== null, () => `a timer without a time is restored: ${JSON.stringify({ keyHash, value })}`)
    if (deleted) this.#queue.unload(key as K, keyHash, namespace)
    else this.#queue.load({ key: key as K, keyHash, timeMs: namespace, sequence: value as number })
  }
}

/** Timers never change, so nothing is ever handed over early. */
class TimerTableCapture<K extends Key> implements TableCapture {
  readonly #capture: TimerCapture<K>
  readonly #writer: EntryWriter<number>

  constructor(capture: TimerCapture<K>, writer: EntryWriter<number>) {
    this.#capture = capture
    this.#writer = writer
  }

  write(budget: number): boolean {
    const done = this.#capture.write(budget, ({ keyHash, key, timeMs, sequence }, removed) => {
      if (removed) this.#writer.remove(keyHash, key, timeMs)
      else this.#writer.put(keyHash, key, timeMs, sequence)
    })
    this.#writer.check()
    return done
  }

  cancel(): void {
    this.#capture.cancel()
  }
}
