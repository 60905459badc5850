import type { StateBackend } from "../state-backend.ts"
import { DiskKeyedStore } from "./disk-keyed-store.ts"
import { openLmdb } from "./open-lmdb.ts"
import type { OrderedBytes } from "./ordered-bytes.ts"

/**
 * State on disk: one LMDB environment for all stores of a subtask, in a directory that nobody else uses.
 *
 * @throws {EngineError} as `openLmdb`
 */
export async function openDiskBackend(directory: string): Promise<StateBackend> {
  const bytes = await openLmdb(directory)
  return backendOf(bytes, () => bytes.close())
}

/** State in sorted bytes, wherever they are kept. */
export function backendOf(bytes: OrderedBytes, close: () => Promise<void>): StateBackend {
  let tables = 0
  return { keyedStore: (options) => new DiskKeyedStore({ ...options, table: tables++, bytes }), close }
}
