import { invariant } from "../errors/index.ts"
import type { Doorbell } from "./channel.ts"

/**
 * The shared memory by which workers wake each other, two cache lines per worker:
 *
 * ```
 *  byte 0          4             128
 *  +---------------+-------------+---------------+----------  next worker
 *  | SEQUENCE      | SLEEPING    | HEARTBEAT     |
 *  | ringers add   | owner writes| owner writes  |
 *  +---------------+-------------+---------------+----------
 * ```
 *
 * The heartbeat has a line of its own: its owner writes it in every round, while the ringers read SLEEPING all the time.
 *
 * Why no wake-up is lost. The sleeper: reads SEQUENCE, sets SLEEPING, looks for work once more, waits for a SEQUENCE other
 * than the one read. The ringer: publishes work, reads SLEEPING, and if it is set adds to SEQUENCE and notifies. All of
 * these are sequentially consistent, so either the sleeper's last look sees the work, or the ringer sees SLEEPING; and a
 * ring between the look and the wait has changed SEQUENCE, so the wait returns at once.
 * Only the sleeper writes SLEEPING. If the ringer cleared it, a late clear could land after the sleeper had set it again:
 * the next ringer would skip its notify, and both sides would sleep.
 */
const BYTES_PER_WORKER = 256
const WORDS_PER_WORKER = BYTES_PER_WORKER / 4
const SEQUENCE = 0
const SLEEPING = 1
const HEARTBEAT = 32

/** Of lib.es2024; what Node 20 has, without asking every reader of our types to raise their lib. */
interface AsyncAtomics {
  waitAsync(words: Int32Array, index: number, value: number): { async: false } | { async: true; value: Promise<string> }
}

/** Memory for the doorbells of `workers` workers. Send it to each of them. */
export function createDoorbells(workers: number): SharedArrayBuffer {
  invariant(Number.isInteger(workers) && workers > 0, `doorbells for ${workers} workers`)
  return new SharedArrayBuffer(workers * BYTES_PER_WORKER)
}

/** Wakes one worker, from any thread. Costs one load while that worker is awake. Call it after publishing. */
export class SharedDoorbell implements Doorbell {
  readonly #words: Int32Array

  constructor(doorbells: SharedArrayBuffer, worker: number) {
    this.#words = wordsOf(doorbells, worker)
  }

  ring(): void {
    if (Atomics.load(this.#words, SLEEPING) === 0) return
    Atomics.add(this.#words, SEQUENCE, 1)
    Atomics.notify(this.#words, SEQUENCE)
  }
}

/**
 * The owner's side of a doorbell: how one worker goes to sleep.
 *
 * - Order of use: `prepare()`, look for work once more, then `wait()` or, when there is some, `cancel()`.
 * - A wake-up is a hint: look for work, and go to sleep again when there is none.
 * - The promise does not keep Node's event loop alive: its owner holds something that does (a ref'd port), else the worker exits.
 */
export class Sleeper {
  readonly #words: Int32Array
  /** Whether a waitAsync of ours has not been settled. It outlives a wait that `wakeLocal` ended, and the next wait uses it. */
  #listening = false
  #prepared = false
  #preparedSequence = 0
  #wokenLocally = false
  #endWait: (() => void) | undefined

  constructor(doorbells: SharedArrayBuffer, worker: number) {
    this.#words = wordsOf(doorbells, worker)
  }

  /** Announces the sleep. From here on every ring is noticed. */
  prepare(): void {
    invariant(!this.#prepared, "a worker prepares to sleep twice")
    this.#prepared = true
    this.#wokenLocally = false
    this.#preparedSequence = Atomics.load(this.#words, SEQUENCE)
    Atomics.store(this.#words, SLEEPING, 1)
  }

  /** Takes `prepare` back: there was work after all. */
  cancel(): void {
    invariant(
      this.#prepared && this.#endWait === undefined,
      "a worker cancels a sleep that it did not prepare, or is in",
    )
    this.#awake()
  }

  /** @returns a promise that settles after the next ring, at once when there was one since `prepare` */
  wait(): Promise<void> {
    invariant(this.#prepared && this.#endWait === undefined, "a worker sleeps without preparing, or twice")
    if (this.#wokenLocally || !this.#listen()) {
      this.#awake()
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#endWait = resolve
    })
  }

  /** Ends the current or the prepared wait from its own thread: a timer, a message or an I/O callback brought work. */
  wakeLocal(): void {
    if (!this.#prepared) return
    if (this.#endWait === undefined) this.#wokenLocally = true
    else this.#end()
  }

  /** The sign of life for the supervisor: call it once in every round of the worker's loop. */
  beat(): void {
    // One writer: a load and a store are enough, and cheaper than an add.
    Atomics.store(this.#words, HEARTBEAT, (Atomics.load(this.#words, HEARTBEAT) + 1) | 0)
  }

  /** Makes sure that a ring will be heard. @returns false when there was one since `prepare` */
  #listen(): boolean {
    if (this.#listening) {
      // The waiter of an earlier wait is still in the list, so a ring from now on is heard; one before shows in the word.
      // It may have been notified already without having been told: then this wait ends early, which is allowed.
      return Atomics.load(this.#words, SEQUENCE) === this.#preparedSequence
    }
    const waiting = (Atomics as unknown as AsyncAtomics).waitAsync(this.#words, SEQUENCE, this.#preparedSequence)
    if (!waiting.async) return false
    this.#listening = true
    waiting.value.then(() => {
      this.#listening = false
      if (this.#endWait !== undefined) this.#end()
    })
    return true
  }

  #end(): void {
    const endWait = this.#endWait!
    this.#endWait = undefined
    this.#awake()
    endWait()
  }

  #awake(): void {
    this.#prepared = false
    Atomics.store(this.#words, SLEEPING, 0)
  }
}

/** Whether a worker sleeps or is about to: it may be looking around once more. */
export function isSleeping(doorbells: SharedArrayBuffer, worker: number): boolean {
  return Atomics.load(wordsOf(doorbells, worker), SLEEPING) === 1
}

/** Rounds of the worker's loop so far, wrapping at 32 bits: compare two readings for equality only. */
export function heartbeat(doorbells: SharedArrayBuffer, worker: number): number {
  return Atomics.load(wordsOf(doorbells, worker), HEARTBEAT)
}

function wordsOf(doorbells: SharedArrayBuffer, worker: number): Int32Array {
  invariant(
    worker >= 0 && (worker + 1) * BYTES_PER_WORKER <= doorbells.byteLength,
    () => `worker ${worker} has no doorbell among ${doorbells.byteLength / BYTES_PER_WORKER}`,
  )
  return new Int32Array(doorbells, worker * BYTES_PER_WORKER, WORDS_PER_WORKER)
}
