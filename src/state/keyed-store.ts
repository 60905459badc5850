/** What state can be filed under. Composite keys are arrays of these. */
export type KeyPart = string | number | boolean | bigint
export type Key = KeyPart | readonly KeyPart[]

/**
 * One named piece of keyed state of one subtask: a map from key to value, partitioned by key group.
 * Every call names the key and its hash (contracts/operator.ts: `keyHash`), so that a key is hashed once.
 */
export interface KeyedStore<V> {
  /**
   * A value that is changed in place is to be `set` afterwards, and got anew in the next call of the operator: a capture in
   * between has to see it go out.
   */
  get(key: Key, keyHash: number): V | undefined
  set(key: Key, keyHash: number, value: V): void
  delete(key: Key, keyHash: number): boolean
  readonly size: number
  /** All entries, by key group, then by first insertion. */
  entries(): IterableIterator<readonly [key: Key, value: V]>
}
