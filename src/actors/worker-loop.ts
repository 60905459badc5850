import type { Sleeper } from "../mailbox/index.ts"
import type { Subtask } from "./subtask.ts"

export interface WorkerLoopOptions {
  readonly subtasks: readonly Subtask[]
  readonly sleeper: Sleeper
  now(): number
  /** Gives the event loop its turn: sockets, files, control calls. */
  turn(): Promise<void>
  /** Calls back at an interval, so that deadlines and idleness are noticed while nothing else happens. @returns how to end it */
  every(ms: number, callback: () => void): () => void
  /** Calls back once, unless it is cancelled. @returns how to cancel it */
  after(ms: number, callback: () => void): () => void
}

/** How long the actors may run before the event loop gets its turn. */
const TURN_AFTER_MS = 2
/** Rounds without progress, each with a turn of the event loop, before the worker lies down. */
const ROUNDS_BEFORE_SLEEP = 2
const TICK_MS = 1000

/**
 * Steps the subtasks of one worker fairly, each in turn, until all are done.
 *
 * Gives the event loop its turn every 2 ms. When nothing moves it looks around twice more and then waits on its doorbell:
 * idle costs no CPU. Whatever brings work rings: another worker's ring, or `wake` from this thread.
 */
export class WorkerLoop {
  readonly #options: WorkerLoopOptions
  #cancelled = false

  constructor(options: WorkerLoopOptions) {
    this.#options = options
  }

  /** Something on this thread may have given a subtask work. */
  wake(): void {
    this.#options.sleeper.wakeLocal()
  }

  /** Makes `run` return soon, with nothing finished. */
  cancel(): void {
    this.#cancelled = true
    this.wake()
  }

  get cancelled(): boolean {
    return this.#cancelled
  }

  /** Wakes the worker when the first of its subtasks waits for processing time no longer. */
  #setAlarm(subtasks: readonly Subtask[]): (() => void) | undefined {
    let inMs = Number.POSITIVE_INFINITY
    for (const subtask of subtasks) inMs = Math.min(inMs, subtask.alarmInMs)
    // A later one is noticed at a tick.
    return inMs > TICK_MS ? undefined : this.#options.after(Math.ceil(inMs), () => this.wake())
  }

  async run(): Promise<void> {
    const { sleeper, now, turn } = this.#options
    const stopTicking = this.#options.every(TICK_MS, () => this.wake())
    let live = [...this.#options.subtasks]
    let lastTurnMs = now()
    let quietRounds = 0
    let stampMs = lastTurnMs
    try {
      while (live.length > 0 && !this.#cancelled) {
        sleeper.beat()
        // Announced before the last look around, so that no ring falls between the look and the wait.
        const lyingDown = quietRounds >= ROUNDS_BEFORE_SLEEP
        if (lyingDown) sleeper.prepare()
        let progressed = false
        let finished = false
        for (const subtask of live) {
          const outcome = subtask.step()
          const endMs = now()
          subtask.accountTime(stampMs, endMs, outcome)
          stampMs = endMs
          if (outcome === "progressed") progressed = true
          else if (outcome === "done") finished = true
        }
        if (finished) live = live.filter((subtask) => subtask.phase !== "done")
        if (progressed || finished) {
          quietRounds = 0
          if (lyingDown) sleeper.cancel()
        } else if (lyingDown) {
          const stopAlarm = this.#setAlarm(live)
          await sleeper.wait()
          stopAlarm?.()
          quietRounds = 0
          stampMs = lastTurnMs = now()
          continue
        } else {
          quietRounds += 1
        }
        if (quietRounds > 0 || stampMs - lastTurnMs >= TURN_AFTER_MS) {
          await turn()
          stampMs = lastTurnMs = now()
        }
      }
    } finally {
      stopTicking()
    }
  }
}
