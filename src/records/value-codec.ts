import type { ByteCursor } from "./byte-cursor.ts"

/**
 * Turns the values of one batch into bytes and back.
 *
 * - Frames are self-contained: decoding one needs no other, so a frame can be skipped, saved and replayed.
 * - What is read equals what was written for every type the codec accepts; what it does not accept it refuses in
 *   `prepare` with RECORD_NOT_SERIALIZABLE and the path of the field.
 */
export interface ValueCodec {
  /** First half of writing. @returns how many bytes `write` writes at most. Nothing may be prepared in between */
  prepare(values: readonly unknown[]): number
  /** Second half: writes at the cursor, which stands at a multiple of 8 and has the room, and moves it behind. */
  write(sink: ByteCursor): void
  /**
   * Reads `count` values from the cursor, which stands at a multiple of 8, to its end. The memory may be shared and reused
   * afterwards: nothing returned is a view on it.
   *
   * @throws {EngineError} RECORD_NOT_READABLE
   */
  read(source: ByteCursor, count: number): unknown[]
}
