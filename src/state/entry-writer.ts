import { describe, EngineError } from "../errors/index.ts"
import { findUnserializable } from "../records/index.ts"
import type { Key } from "./keyed-store.ts"
import type { EntrySink, TableEntry } from "./state-table.ts"

/**
 * Hands the entries of one capture to its sink. For tables.
 *
 * A table hands over early what a record is about to change. If that fails it is the checkpoint's failure, not the
 * record's: it is kept here, and thrown when the capture is written next.
 */
export class EntryWriter<V> {
  readonly #table: string
  readonly #into: EntrySink
  readonly #encode: ((value: V) => unknown) | undefined
  readonly #userPart: (encoded: unknown) => unknown
  #failure: { readonly error: unknown } | undefined

  /**
   * @param encode makes plain data of a value; none when it is plain
   * @param userPart what of the encoded value the user knows, for messages; all of it when not given
   */
  constructor(
    table: string,
    into: EntrySink,
    encode: ((value: V) => unknown) | undefined,
    userPart: (encoded: unknown) => unknown = (encoded) => encoded,
  ) {
    this.#table = table
    this.#into = into
    this.#encode = encode
    this.#userPart = userPart
  }

  put(keyHash: number, key: Key, namespace: number | null, value: V): void {
    if (this.#failure !== undefined) return
    let encoded: unknown
    try {
      encoded = this.#encode === undefined ? value : this.#encode(value)
      this.#into.put({ keyHash, key, namespace, value: encoded, deleted: false })
    } catch (error) {
      this.#failure = { error: explainRefusal(error, this.#table, key, this.#userPart(encoded)) }
    }
  }

  remove(keyHash: number, key: Key, namespace: number | null): void {
    if (this.#failure !== undefined) return
    const entry: TableEntry = { keyHash, key, namespace, value: undefined, deleted: true }
    try {
      this.#into.put(entry)
    } catch (error) {
      this.#failure = { error }
    }
  }

  /** @throws the first failure so far */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/**
 * What a codec refused to write as a record, said of the state that it is part of.
 * @param value what of the entry's value the user knows
 */
export function explainRefusal(error: unknown, table: string, key: Key, value: unknown): unknown {
  if ((error as { code?: unknown } | null)?.code !== "RECORD_NOT_SERIALIZABLE") return error
  const found = findUnserializable(value)
  const [path, reason] = [found?.path ?? "", found?.reason ?? "no plain data, or too large"]
  return new EngineError(
    "STATE_NOT_SERIALIZABLE",
    `Cannot save the state "${table}" of key ${describe(key)} in a checkpoint: ${path === "" ? "it" : `its part "${path}"`} is ` +
      `${reason}; keep plain data in it (numbers, strings, dates, maps, arrays, plain objects), or give the aggregate or ` +
      "state that keeps it `encode` and `decode`",
    { cause: error, details: { state: table, key: describe(key), path, reason } },
  )
}
