/**
 * Whether a subtask may take more input, as one number that the hot loop compares with zero.
 *
 * `level` is 0 when everything downstream has room; d + 1 while the deepest operator that holds unsent output stands at
 * depth d of the chain; FULL while an output channel is at its bound. An operator at depth d may go on emitting while
 * `level <= d + 1`: what is pending above it does not concern it, and what is pending at its own depth is its own.
 */
export class Pressure {
  level = 0
  #fullChannels = 0
  #pendingDepth = -1
  /** Records that may still be emitted although channels are full. */
  #allowance = 0
  /** Records that were emitted so. */
  overflowedRecords = 0

  channelFilled(): void {
    this.#fullChannels += 1
    this.#update()
  }

  channelDrained(): void {
    this.#fullChannels -= 1
    this.#update()
  }

  /** An operator at `depth` holds output that it could not emit. */
  operatorPending(depth: number): void {
    if (depth > this.#pendingDepth) {
      this.#pendingDepth = depth
      this.#update()
    }
  }

  /** Forgets pending operators: they are asked anew, deepest first. */
  resetPending(): void {
    this.#pendingDepth = -1
    this.#update()
  }

  /** True while no operator holds output back. */
  get nothingPending(): boolean {
    return this.#pendingDepth === -1
  }

  get channelsFull(): boolean {
    return this.#fullChannels > 0 && this.#allowance <= 0
  }

  /**
   * Lets operators emit so many records more although channels are full: what they hold back is to be saved with the
   * sender. 0: as usual.
   */
  allow(records: number): void {
    if (records === this.#allowance) return
    this.#allowance = records
    this.#update()
  }

  /** A full channel took records all the same. */
  overflowed(records: number): void {
    if (this.#allowance <= 0) return
    this.overflowedRecords += records
    this.#allowance -= records
    if (this.#allowance <= 0) this.#update()
  }

  #update(): void {
    this.level = this.channelsFull ? FULL : this.#pendingDepth + 1
  }
}

const FULL = 0x3fff_ffff
