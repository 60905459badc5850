import type { ValueCodec } from "../src/records/index.ts"

/** A codec out of two functions: for tests that choose the bytes. */
export function bytesCodec(
  encode: (values: readonly unknown[]) => Uint8Array,
  decode: (bytes: Uint8Array) => unknown[],
): ValueCodec {
  let prepared = new Uint8Array(0)
  return {
    prepare(values) {
      prepared = new Uint8Array(encode(values))
      return prepared.length
    },
    write(sink) {
      const at = sink.take(prepared.length, 0)
      sink.u8.set(prepared, at)
    },
    read(source) {
      const { at, end, u8 } = source
      source.take(end - at, 0)
      return decode(u8.subarray(at, end))
    },
  }
}
