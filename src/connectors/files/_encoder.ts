/** Turns records into the lines of a part. */
export interface Encoder<T> {
  /** What stands first in every part, given its first record: with its line end, or empty. */
  header(first: T): string
  /** One record with its line end. @throws {EngineError} RECORD_NOT_WRITABLE */
  encode(value: T): string
}
