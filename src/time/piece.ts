/** What a piece may take, in ms: so that a step which holds one stays far below 5 ms, whatever a result costs. */
const MOST_MS = 0.5
/** Results in a piece at most, also where the clock stands still as in a simulation. */
const MOST_RESULTS = 256
/**
 * Results between two looks at the clock, which cost 40 ns, where the system is a guest up to 1 us. The first of a piece come
 * sooner, as many results later as there have been: code that has never run may take a millisecond for eight.
 */
const LOOK_EVERY = 8

/** One piece of a burst of timers or windows, which is interrupted so that records and captures go on: over after so many results or so much time. At least one result is in every piece. */
export class Piece {
  readonly #clock: { now(): number }
  #untilMs = 0
  #results = 0
  #nextLook = 0

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  begin(): void {
    this.#untilMs = this.#clock.now() + MOST_MS
    this.#results = 0
    this.#nextLook = 1
  }

  /** To be asked before each result, which counts when the answer is false. */
  get over(): boolean {
    if (this.#results >= MOST_RESULTS) return true
    if (this.#results === this.#nextLook) {
      if (this.#clock.now() >= this.#untilMs) return true
      this.#nextLook += Math.min(this.#nextLook, LOOK_EVERY)
    }
    this.#results += 1
    return false
  }
}
