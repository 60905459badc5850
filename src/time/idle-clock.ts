/**
 * Says when an input without records is idle. Pure; the caller brings a monotonic clock, ms.
 *
 * Only time in which records could have come counts: whoever is held back (by what is downstream, by alignment, by a
 * checkpoint) calls `restart` meanwhile. Time spent backpressured is not idleness (TIM-3; FLINK-35886).
 */
export class IdleClock {
  readonly #afterMs: number
  #sinceMs: number

  /** @param afterMs quiet time after which the input is idle: ms >= 0, +Infinity for never */
  constructor(afterMs: number, nowMs: number) {
    this.#afterMs = afterMs
    this.#sinceMs = nowMs
  }

  /** A record came, or none could have. */
  restart(nowMs: number): void {
    this.#sinceMs = nowMs
  }

  isIdle(nowMs: number): boolean {
    return nowMs - this.#sinceMs >= this.#afterMs
  }

  /** How long nothing has come, ms. */
  quietMs(nowMs: number): number {
    return nowMs - this.#sinceMs
  }

  /** How long until it is idle, if nothing comes, ms. */
  remainingMs(nowMs: number): number {
    return this.#sinceMs + this.#afterMs - nowMs
  }
}
