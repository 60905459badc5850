import { compareBytes } from "./_disk-entries.ts"
import type { BytesView, OrderedBytes } from "./ordered-bytes.ts"

/** OrderedBytes in memory, in the plainest form: for tests and the simulator. Counts the views that are open. */
export class SortedBytes implements OrderedBytes {
  #entries: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[] = []
  views = 0

  get(key: Uint8Array): Uint8Array | undefined {
    return viewOf(this.#entries).get(key)
  }

  range(...args: Parameters<BytesView["range"]>): ReturnType<BytesView["range"]> {
    return viewOf(this.#entries).range(...args)
  }

  write(changes: Parameters<OrderedBytes["write"]>[0]): void {
    const byKey = new Map(this.#entries.map((entry) => [entry.key.join(), entry]))
    for (const { key, value } of changes) {
      if (value === undefined) byKey.delete(key.join())
      else byKey.set(key.join(), { key, value: value.slice() })
    }
    this.#entries = [...byKey.values()].sort((a, b) => compareBytes(a.key, b.key))
  }

  view(): ReturnType<OrderedBytes["view"]> {
    this.views += 1
    return {
      ...viewOf(this.#entries),
      close: () => {
        this.views -= 1
      },
    }
  }
}

function viewOf(entries: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): BytesView {
  return {
    get: (key) => entries.find((entry) => compareBytes(entry.key, key) === 0)?.value,
    range: (prefix, after, limit) =>
      entries
        .filter(({ key }) => compareBytes(key.subarray(0, prefix.length), prefix) === 0)
        .filter(({ key }) => after === undefined || compareBytes(key, after) > 0)
        .slice(0, limit),
  }
}
