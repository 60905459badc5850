/**
 * A sorted map of bytes that is larger than memory: what a DiskKeyedStore keeps its entries in. Keys are ordered byte by
 * byte. All calls are synchronous. Implemented by LMDB (open-lmdb.ts).
 */
export interface OrderedBytes extends BytesView {
  /** Makes all of these changes, in the order given. Sorted keys are written faster. */
  write(changes: readonly BytesChange[]): void
  /** What it holds now, whatever is written later. To be closed. */
  view(): ClosableView
}

export interface BytesView {
  /** A copy of the value. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Up to `limit` entries whose keys begin with `prefix`, in order, behind `after` (from the first when undefined). */
  range(
    prefix: Uint8Array,
    after: Uint8Array | undefined,
    limit: number,
  ): readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]
}

export interface ClosableView extends BytesView {
  close(): void
}

export interface BytesChange {
  readonly key: Uint8Array
  /** undefined: removes the key. */
  readonly value: Uint8Array | undefined
}
