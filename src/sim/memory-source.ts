import type { BadRecordPolicy, ReadContext, Source, SourceBatch } from "../contracts/index.ts"

export interface MemorySourceOptions {
  readonly label?: string
  /** False: splits are read side by side, as those of a source without end. They end all the same. Default: true. */
  readonly bounded?: boolean
  /** Records of each split, in order. */
  readonly splits: readonly (readonly unknown[])[]
  /** See Source. */
  readonly splitsInOrder: boolean
  /** Sizes of batches, used one after the other, over and over. */
  readonly batches: readonly number[]
  /** Records that the source reports as malformed, in place of handing them on. Default: none. */
  readonly isMalformed?: (record: unknown) => boolean
  readonly badRecords?: BadRecordPolicy
  /** Given: batches arrive so many virtual ms apart, in place of being there at once. */
  readonly everyMs?: number
}

/** A source that holds its records and can be read again from any of them. */
export function memorySource({
  label = "simulated source",
  bounded = true,
  splits,
  splitsInOrder,
  batches,
  isMalformed,
  badRecords,
  everyMs,
}: MemorySourceOptions): Source<unknown> {
  return {
    label,
    bounded,
    splitsInOrder,
    ...(badRecords === undefined ? {} : { badRecords }),
    splits: () => splits.map((_, index) => ({ id: `split-${index}`, data: index })),
    read(split, from, context) {
      const records = splits[split.data as number]!
      const cut = cutBatches(records, typeof from === "number" ? from : 0, batches, (record, index) => {
        if (isMalformed?.(record) !== true) return true
        context.malformed({ raw: JSON.stringify(record), reason: "no record", position: `${split.id}:${index}` })
        return false
      })
      return everyMs === undefined ? cut : arriving(cut, everyMs, context)
    },
  }
}

function* cutBatches(
  records: readonly unknown[],
  start: number,
  sizes: readonly number[],
  isSound: (record: unknown, index: number) => boolean,
): Generator<SourceBatch<unknown>, void, undefined> {
  let index = start
  for (let turn = 0; index < records.length; turn++) {
    const next = Math.min(records.length, index + sizes[turn % sizes.length]!)
    const from = index
    yield { values: records.slice(from, next).filter((record, offset) => isSound(record, from + offset)), next }
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
