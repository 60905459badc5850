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

  channelFilled(): void {
    this.#fullChannels += 1
    this.level = FULL
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

  get channelsFull(): boolean {
    return this.#fullChannels > 0
  }

  #update(): void {
    this.level = this.#fullChannels > 0 ? FULL : this.#pendingDepth + 1
  }
}

const FULL = 0x3fff_ffff
