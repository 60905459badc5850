/** More records than this in a batch no longer save time, but they add latency. */
const MAX_BATCH_RECORDS = 512

/** A batch takes a quarter of the channel at most, so that both ends can work at once. */
export const BATCHES_PER_CHANNEL = 4

/** How many records a batch should hold at most, going by credits alone. At least 1. */
export function preferredRecords(capacityRecords: number): number {
  return Math.max(1, Math.min(MAX_BATCH_RECORDS, Math.floor(capacityRecords / BATCHES_PER_CHANNEL)))
}
