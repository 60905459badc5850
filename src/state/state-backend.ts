import { HeapKeyedStore } from "./heap-keyed-store.ts"
import type { KeyedStore } from "./keyed-store.ts"
import type { StateCodec } from "./state-codec.ts"
import type { StateTable } from "./state-table.ts"

export interface StoreOptions<V> {
  /** Names the state in snapshots and messages. */
  readonly name: string
  readonly keyGroups: number
  /** For values that are no plain data. */
  readonly codec?: StateCodec<V> | undefined
  /** Whether "changes" can be captured. */
  readonly trackChanges: boolean
}

/** Where one subtask's keyed state lives. Every backend gives the same results. */
export interface StateBackend {
  /** A new store, of its own content also when another has its name. */
  keyedStore<V>(options: StoreOptions<V>): KeyedStore<V> & StateTable
  /** Lets go of files. The stores are not used any more. */
  close(): Promise<void>
}

/** State on the JavaScript heap. */
export const heapBackend: StateBackend = {
  keyedStore: ({ keyGroups, ...options }) => new HeapKeyedStore(keyGroups, options),
  close: async () => undefined,
}
