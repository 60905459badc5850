import type { ReadContext, Source, SourceBatch } from "../contracts/index.ts"

export interface MemorySourceOptions {
  readonly label?: string
  /** Records of each split, in order. */
  readonly splits: readonly (readonly unknown[])[]
  /** See Source. */
  readonly splitsInOrder: boolean
  /** Sizes of batches, used one after the other, over and over. */
  readonly batches: readonly number[]
  /** Given: batches arrive so many virtual ms apart, in place of being there at once. */
  readonly everyMs?: number
}

/** A source that holds its records and can be read again from any of them. */
export function memorySource({
  label = "simulated source",
  splits,
  splitsInOrder,
  batches,
  everyMs,
}: MemorySourceOptions): Source<unknown> {
  return {
    label,
    bounded: true,
    splitsInOrder,
    splits: () => splits.map((_, index) => ({ id: `split-${index}`, data: index })),
    read(split, from, context) {
      const cut = cutBatches(splits[split.data as number]!, typeof from === "number" ? from : 0, batches)
      return everyMs === undefined ? cut : arriving(cut, everyMs, context)
    },
  }
}

function* cutBatches(
  records: readonly unknown[],
  start: number,
  sizes: readonly number[],
): Generator<SourceBatch<unknown>, void, undefined> {
  let index = start
  for (let turn = 0; index < records.length; turn++) {
    const next = Math.min(records.length, index + sizes[turn % sizes.length]!)
    yield { values: records.slice(index, next), next }
    index = next
  }
}

async function* arriving(
  batches: Iterable<SourceBatch<unknown>>,
  everyMs: number,
  { sleep, signal }: ReadContext,
): AsyncGenerator<SourceBatch<unknown>, void, undefined> {
  for (const batch of batches) {
    await sleep(everyMs)
    if (signal.aborted) return
    yield batch
  }
}
