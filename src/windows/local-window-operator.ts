import type { Aggregate, Operator, OperatorContext, Output } from "../contracts/index.ts"
import { type Key, type KeyIdentity, keyIdentity, stateCodecOf } from "../state/index.ts"

/** What the first of two phases hands to the second: one record as it came, or what several of one slice add up to. */
export interface LocalResult<K> {
  readonly key: K
  /** Whether `value` is a record; else it is an accumulator as plain data. */
  readonly isRecord: boolean
  readonly value: unknown
}

/** How time is cut: no window begins or ends within a slice. */
export interface Slicing {
  /** The start of the slice that holds a time: finite ms. */
  sliceOf(timeMs: number): number
  sliceEndOf(slice: number): number
  /** The end of the first window that holds the slice. */
  firstEndOf(slice: number): number
}

export interface LocalWindowOptions<In, K extends Key, Acc> {
  readonly keyOf: (value: In) => K
  readonly slicing: Slicing
  readonly aggregate: Aggregate<In, Acc, unknown>
  /** So many accumulators are held at most. */
  readonly maxHeld?: number
}

/** Enough for the keys that are hot, and handed on within about a millisecond. */
const MAX_HELD = 4_096

/**
 * The first of two phases: adds records up where they are, before the exchange, so that of a key that has most of the records
 * only what they add up to crosses it. One accumulator per key and slice, handed on
 *
 * - before the watermark at which the first window with that slice fires,
 * - when too many are held, before a barrier, before the input is said to be idle, and at the end.
 *
 * What is handed on so is never late: it was in time by this subtask's watermark, and goes ahead of it in every channel; the
 * second phase's watermark is the lowest of its senders', so it has not come so far. A record of whose windows one is over by this
 * subtask's watermark is handed on as it is, and the second phase judges it as if there were one phase. So is every record
 * once the input has been idle: an idle sender is not counted, and the others' watermark may be ahead of its own. The same
 * after a restore from what was captured at least once.
 *
 * State: nothing is held at a barrier; its value is how far its watermark came, and whether the second
 * phase may be ahead of it (a restored
 * second phase goes on from the watermark it had). O(maxHeld) memory; per record a comparison, one Map lookup and one `add`.
 */
export class LocalWindowOperator<In, K extends Key, Acc> implements Operator<In, LocalResult<K>> {
  readonly #keyOf: (value: In) => K
  readonly #slicing: Slicing
  readonly #aggregate: Aggregate<In, Acc, unknown>
  readonly #encode: (accumulator: Acc) => unknown
  readonly #maxHeld: number
  readonly #slices = new Map<number, HeldSlice<K, Acc>>()
  #heldCount = 0
  /** The slice that took the last record. */
  #last: HeldSlice<K, Acc> | undefined
  /** On their way out, from the cursor on. */
  #leaving: Held<K, Acc>[] = []
  #cursor = 0
  /** The second phase has not come further, unless this one may be behind. */
  #watermarkMs = Number.NEGATIVE_INFINITY
  #mayBeBehind = false
  #context!: OperatorContext

  constructor(options: LocalWindowOptions<In, K, Acc>) {
    this.#keyOf = options.keyOf
    this.#slicing = options.slicing
    this.#aggregate = options.aggregate
    this.#maxHeld = options.maxHeld ?? MAX_HELD
    const codec = stateCodecOf<Acc>(options.aggregate, "the aggregate")
    this.#encode = codec === undefined ? (accumulator) => accumulator : (accumulator) => codec.encode(accumulator)
  }

  get pending(): boolean {
    return this.#cursor < this.#leaving.length
  }

  /** Accumulators held. */
  get held(): number {
    return this.#heldCount + this.#leaving.length - this.#cursor
  }

  open(context: OperatorContext): void {
    this.#context = context
  }

  onRecord(value: In, timeMs: number, out: Output<LocalResult<K>>): void {
    const key = this.#keyOf(value)
    let slice = this.#last
    if (slice === undefined || timeMs < slice.start || !(timeMs < slice.end)) {
      slice = this.#sliceOf(timeMs)
      if (slice === undefined) {
        out.emit({ key, isRecord: true, value }, timeMs)
        return
      }
      this.#last = slice
    }
    const identity = keyIdentity(key)
    let held = slice.byKey.get(identity)
    if (held === undefined) {
      held = { key, timeMs, accumulator: this.#aggregate.create() }
      slice.byKey.set(identity, held)
      this.#heldCount += 1
    }
    held.accumulator = this.#aggregate.add(held.accumulator, value)
    if (this.#heldCount >= this.#maxHeld) this.#release(Number.POSITIVE_INFINITY, out)
  }

  onWatermark(watermarkMs: number, out: Output<LocalResult<K>>): void {
    // A restored one is not taken back.
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
    this.#release(this.#watermarkMs, out)
  }

  flushHeld(before: "barrier" | "idle", out: Output<LocalResult<K>>): void {
    if (before === "idle") this.#mayBeBehind = true
    this.#release(Number.POSITIVE_INFINITY, out)
  }

  resume(out: Output<LocalResult<K>>): void {
    const leaving = this.#leaving
    for (; this.#cursor < leaving.length; this.#cursor++) {
      if (out.full) return
      const { key, timeMs, accumulator } = leaving[this.#cursor]!
      out.emit({ key, isRecord: false, value: this.#encode(accumulator) }, timeMs)
    }
    this.#leaving = []
    this.#cursor = 0
  }

  finish(out: Output<LocalResult<K>>): void {
    this.#release(Number.POSITIVE_INFINITY, out)
  }

  captureValue(): LocalProgress {
    // At least once the second phase may save what a watermark that follows the barrier made of it.
    const mayBeBehind = this.#mayBeBehind || this.#context.inexactBarriers === true
    return { watermarkMs: this.#watermarkMs, mayBeBehind }
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly LocalProgress[]
    this.#watermarkMs = Math.min(...former.map(({ watermarkMs }) => watermarkMs))
    this.#mayBeBehind = former.some(({ mayBeBehind }) => mayBeBehind)
  }

  /** The slice of a time, made if need be; undefined when its records are not to be held. */
  #sliceOf(timeMs: number): HeldSlice<K, Acc> | undefined {
    // The second phase refuses what has no time.
    if (this.#mayBeBehind || !(Math.abs(timeMs) <= Number.MAX_SAFE_INTEGER)) return undefined
    const start = this.#slicing.sliceOf(timeMs)
    const known = this.#slices.get(start)
    if (known !== undefined) return known
    const firstEnd = this.#slicing.firstEndOf(start)
    if (firstEnd - 1 <= this.#watermarkMs) return undefined
    const made = { start, end: this.#slicing.sliceEndOf(start), firstEnd, byKey: new Map() }
    this.#slices.set(start, made)
    return made
  }

  /** Hands on the slices whose first window a watermark completes, as far as there is room. */
  #release(watermarkMs: number, out: Output<LocalResult<K>>): void {
    for (const [start, { firstEnd, byKey }] of this.#slices) {
      if (firstEnd - 1 > watermarkMs) continue
      for (const held of byKey.values()) this.#leaving.push(held)
      this.#heldCount -= byKey.size
      this.#slices.delete(start)
      this.#last = undefined
    }
    this.resume(out)
  }
}

interface HeldSlice<K extends Key, Acc> {
  readonly start: number
  readonly end: number
  readonly firstEnd: number
  readonly byKey: Map<KeyIdentity, Held<K, Acc>>
}

interface Held<K extends Key, Acc> {
  readonly key: K
  /** Of its first record: a time that the slice holds. */
  readonly timeMs: number
  accumulator: Acc
}

/** What a snapshot holds. */
interface LocalProgress {
  readonly watermarkMs: number
  readonly mayBeBehind: boolean
}
