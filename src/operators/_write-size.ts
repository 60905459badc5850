/** A write that takes longer is tried in smaller pieces: a checkpoint waits for the write under way. */
const LONG_MS = 50
/** A write that takes less is followed by larger ones. */
const SHORT_MS = 10
const MIN_RECORDS = 8
/** What a record may cost more in smaller writes. */
const DEARER = 1.25
/** Writes until smaller ones are tried again after they cost more. */
const WRITES_UNTIL_NEXT_TRY = 64

/**
 * How many records a sink's writer gets at once: fewer where it is slow by the record, so that no write takes long; as many as
 * there may be where it is slow by the call, since smaller writes would cost throughput. It finds out by trying. Pure.
 */
export class WriteSize {
  readonly #mostRecords: number
  records: number
  /** What a record cost before the size was halved, while that is on trial. */
  #costBefore: number | undefined
  #patience = 0

  constructor(mostRecords: number) {
    this.#mostRecords = mostRecords
    this.records = mostRecords
  }

  /** A write of so many records took so long. */
  observe(count: number, ms: number): void {
    if (count < this.records / 2) return
    const cost = ms / count
    if (this.#costBefore !== undefined && cost > this.#costBefore * DEARER) {
      this.records *= 2
      this.#patience = WRITES_UNTIL_NEXT_TRY
      this.#costBefore = undefined
      return
    }
    this.#costBefore = undefined
    if (this.#patience > 0) this.#patience -= 1
    if (ms < SHORT_MS) this.records = Math.min(this.#mostRecords, this.records * 2)
    else if (ms > LONG_MS && this.#patience === 0 && this.records > MIN_RECORDS) {
      this.#costBefore = cost
      this.records = Math.max(MIN_RECORDS, this.records >> 1)
    }
  }
}
