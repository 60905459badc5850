import { type FileHandle, open } from "node:fs/promises"
import type { AsyncBuffer, FileMetaData, RowGroup } from "hyparquet"
import { fileError } from "./_paths.ts"
import { loadPeers, type Peers } from "./_peers.ts"

/** An open file and its footer. */
export interface ParquetFile {
  readonly path: string
  readonly peers: Peers
  readonly metadata: FileMetaData
  readonly buffer: AsyncBuffer
  close(): Promise<void>
}

/** The footer of the file opened last, while that file stays as it is: a reader goes from row group to row group. */
export interface FooterCache {
  last?: { readonly path: string; readonly size: number; readonly mtimeMs: number; readonly metadata: FileMetaData }
}

/**
 * Opens a file and reads its footer.
 *
 * @throws {EngineError} PEER_MISSING, SOURCE_FILE_MISSING, SOURCE_FILE_UNREADABLE, SOURCE_FILE_CORRUPT
 */
export async function openParquet(path: string, cache: FooterCache = {}): Promise<ParquetFile> {
  const peers = await loadPeers()
  let handle: FileHandle | undefined
  try {
    handle = await open(path, "r")
    const { size, mtimeMs } = await handle.stat()
    const buffer = asyncBuffer(handle, size)
    const { last } = cache
    const isKnown = last?.path === path && last.size === size && last.mtimeMs === mtimeMs
    const metadata = isKnown ? last.metadata : await peers.hyparquet.parquetMetadataAsync(buffer)
    cache.last = { path, size, mtimeMs, metadata }
    const opened = handle
    return { path, peers, metadata, buffer, close: () => opened.close() }
  } catch (error) {
    await handle?.close()
    throw fileError(path, error)
  }
}

/** Rows of a row group as a number. */
export function rowsOf(group: RowGroup): number {
  return Number(group.num_rows)
}

function asyncBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const size = Math.max(0, Math.min(end, byteLength) - start)
      const bytes = new Uint8Array(size)
      let filled = 0
      while (filled < size) {
        const { bytesRead } = await handle.read(bytes, filled, size - filled, start + filled)
        if (bytesRead === 0) throw new Error(`it ends ${size - filled} bytes too early, it was cut while being read`)
        filled += bytesRead
      }
      return bytes.buffer
    },
  }
}
