import type { Committable, Sink, SinkWriter } from "../../contracts/index.ts"

/** An outside system in which a write replaces the one before of the same key. */
export interface UpsertStore<T, Connection> {
  /** For messages and plans, e.g. `totals(table)`. */
  readonly label: string
  /** What a record is written under. Depends on the record alone: a record that comes again must find its own place. */
  key(value: T): string
  /** One per writer, on its worker. */
  connect(): Connection | Promise<Connection>
  disconnect?(connection: Connection): void | Promise<void>
  /** Writes the newest record of each key; may keep them for a while. Keys are those of `key`, each once. */
  write(connection: Connection, entries: ReadonlyMap<string, T>): void | Promise<void>
  /** Everything written must be durable when this resolves. Leave out only if that is so when `write` resolves. */
  flush?(connection: Connection): void | Promise<void>
}

/**
 * A sink for a system that keeps one record per key. Readers see records at once; after a failure some are written again,
 * older ones first, so that a key may for a moment go back to a value it had since the last checkpoint. In the end each key
 * has its last record.
 *
 * Records of a key must come in order: put the sink behind the `keyBy` of that key, with nothing between that deals records
 * out in turn. At a parallelism of its own it is dealt them by its `key`.
 */
export function upsertSink<T, Connection>(store: UpsertStore<T, Connection>): Sink<T> {
  return {
    label: store.label,
    kind: "upsert",
    keyOf: (value) => store.key(value),
    writer: async () => new UpsertWriter(store, await store.connect()),
  }
}

class UpsertWriter<T, Connection> implements SinkWriter<T> {
  readonly #store: UpsertStore<T, Connection>
  readonly #connection: Connection

  constructor(store: UpsertStore<T, Connection>, connection: Connection) {
    this.#store = store
    this.#connection = connection
  }

  write(values: T[]): void | Promise<void> {
    const entries = new Map<string, T>()
    for (const value of values) {
      const key = this.#store.key(value)
      // The last one stands where it came, should the store write some and fail.
      entries.delete(key)
      entries.set(key, value)
    }
    return this.#store.write(this.#connection, entries)
  }

  async prepareCommit(): Promise<readonly Committable[]> {
    await this.#store.flush?.(this.#connection)
    return []
  }

  async close(): Promise<void> {
    await this.#store.disconnect?.(this.#connection)
  }
}
