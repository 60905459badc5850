/**
 * Turns the values of one batch into bytes and back. The seam where a codec compiled for a channel's record shape goes.
 *
 * - Frames are self-contained: decoding one needs no other, so a frame can be skipped, saved and replayed.
 * - `decode(encode(values))` equals `values` for every type the codec accepts; what it does not accept it refuses in
 *   `encode` with RECORD_NOT_SERIALIZABLE and the path of the field.
 */
export interface ValueCodec {
  /** @returns bytes that stay valid until the next call of `encode` */
  encode(values: readonly unknown[]): Uint8Array
  /** Takes bytes that may lie in shared memory and be reused afterwards: nothing returned may be a view on them. */
  decode(bytes: Uint8Array): unknown[]
}
