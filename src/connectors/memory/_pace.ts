/** How far behind its schedule a reader may catch up, as a time. */
const CATCH_UP_MS = 1000

/**
 * A schedule of records at a rate: how many are due. Pure; times are monotonic ms, rates records per second.
 * Record i of the schedule is due i / rate seconds after its start; a new rate begins a new schedule.
 */
export class Pace {
  #rate = Number.NaN
  #startMs = 0
  #made = 0

  /** Records that should have been made by `nowMs` and were not: 0 when the next one lies ahead, Infinity at rate Infinity. */
  due(nowMs: number, rate: number): number {
    if (rate !== this.#rate) this.#restart(nowMs, rate)
    if (rate === Number.POSITIVE_INFINITY) return rate
    if (!(rate > 0)) return 0
    const mostLate = Math.max(1, Math.ceil((rate * CATCH_UP_MS) / 1000))
    const due = this.#scheduledBy(nowMs) - this.#made
    if (due <= mostLate) return Math.max(0, due)
    // Further behind than may be caught up: what is missed is given up, and the schedule moves on.
    this.#startMs += ((due - mostLate) * 1000) / rate
    return mostLate
  }

  /** Time until the next record is due: 0 when it is, Infinity when there is none. */
  msUntilDue(nowMs: number): number {
    if (!(this.#rate > 0)) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#startMs + (this.#made * 1000) / this.#rate - nowMs)
  }

  made(records: number): void {
    this.#made += records
  }

  #scheduledBy(nowMs: number): number {
    return Math.floor(((nowMs - this.#startMs) * this.#rate) / 1000) + 1
  }

  /**
   * At its very first rate the first record is due at once. After a change the next one is due one new interval from now:
   * else a rate that is changed often would make a record at each change.
   */
  #restart(nowMs: number, rate: number): void {
    const isFirst = Number.isNaN(this.#rate)
    this.#rate = rate
    this.#made = 0
    this.#startMs = isFirst || !Number.isFinite(rate) || rate <= 0 ? nowMs : nowMs + 1000 / rate
  }
}
