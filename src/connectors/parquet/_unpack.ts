import { promisify } from "node:util"
import * as zlib from "node:zlib"
import type { CompressionCodec } from "hyparquet"
import type { Peers } from "./_peers.ts"

type NativeUnpack = (packed: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>

/**
 * Decompressors of Node's own: they run on the thread pool, beside the worker's event loop, and are several times faster
 * than those in JavaScript. Zstandard is there from Node 22.15 on.
 */
const native: Partial<Record<CompressionCodec, NativeUnpack>> = {
  GZIP: promisify(zlib.gunzip) as NativeUnpack,
  BROTLI: promisify(zlib.brotliDecompress) as NativeUnpack,
  ...("zstdDecompress" in zlib ? { ZSTD: promisify(zlib.zstdDecompress as typeof zlib.gunzip) as NativeUnpack } : {}),
}

/** Decompresses a page's bytes. Throws a plain Error, the reason, for an unknown codec or damaged bytes. */
export async function unpack(
  packed: Uint8Array,
  unpackedSize: number,
  codec: CompressionCodec,
  { compressors, hyparquet }: Peers,
): Promise<Uint8Array> {
  const bytes = await unpackAnySize(packed, unpackedSize, codec, compressors[codec], native[codec], hyparquet)
  if (bytes.length !== unpackedSize) {
    throw new Error(`a page unpacks to ${bytes.length} bytes where its header says ${unpackedSize}`)
  }
  return bytes
}

function unpackAnySize(
  packed: Uint8Array,
  unpackedSize: number,
  codec: CompressionCodec,
  inScript: ((input: Uint8Array, outputLength: number) => Uint8Array) | undefined,
  onThreadPool: NativeUnpack | undefined,
  hyparquet: Peers["hyparquet"],
): Uint8Array | Promise<Uint8Array> {
  if (codec === "UNCOMPRESSED" || unpackedSize === 0) return packed.subarray(0, unpackedSize)
  if (onThreadPool !== undefined) return onThreadPool(packed, { maxOutputLength: unpackedSize + 1 })
  if (inScript !== undefined) return inScript(packed, unpackedSize)
  if (codec === "SNAPPY") {
    const bytes = new Uint8Array(unpackedSize)
    hyparquet.snappyUncompress(packed, bytes)
    return bytes
  }
  throw new Error(`its compression ${codec} is not supported`)
}
