import type { Operator, OperatorContext, Output } from "../contracts/index.ts"
import { invariant } from "../errors/index.ts"
import { HeapKeyedStore, hashKey, type Key, type KeyedStore } from "../state/index.ts"

/** What goes into an operator under test. `key` gives the record's hash to keyed operators; their key function finds it itself. */
export type HarnessInput<In> =
  | { readonly value: In; readonly timeMs: number; readonly key?: Key }
  | { readonly watermarkMs: number }

/** A record that came out. */
export interface Emission<T> {
  readonly value: T
  readonly timeMs: number
}

/** What came out of the main output, in order: records, and the watermarks between them. */
export type HarnessOutput<Out> = Emission<Out> | { readonly watermarkMs: number }

export interface HarnessOptions {
  /** The main output is full once this many records are in it, and is emptied before each call: Infinity is never full. */
  readonly roomFor?: number
  readonly nowMs?: number
  /** When false, neither the watermark +Infinity nor `finish` follows the input. */
  readonly end?: boolean
}

export interface HarnessResult<Out> {
  readonly main: readonly HarnessOutput<Out>[]
  readonly records: readonly Emission<Out>[]
  readonly sides: ReadonlyMap<string, readonly Emission<unknown>[]>
  readonly counts: { readonly late: number; readonly skipped: number }
  readonly stores: ReadonlyMap<string, KeyedStore<unknown>>
  /** Most records in the main output at once: `roomFor` plus what one call emitted beyond it. */
  readonly mostInOutput: number
}

/** Calls of `resume` that may pass without an emission while the operator stays pending. */
const MAX_STEPS_WITHOUT_PROGRESS = 1_000

/**
 * Drives one operator by hand through its whole life, as a subtask would, but with an output that is full whenever the test
 * likes (as in Jet's TestSupport). Same input, any `roomFor`: the result must be the same.
 *
 * @throws {EngineError} INVARIANT_BROKEN when the operator stays pending without making progress
 */
export function runOperator<In, Out>(
  operator: Operator<In, Out>,
  input: Iterable<HarnessInput<In>>,
  options: HarnessOptions = {},
): HarnessResult<Out> {
  const world = new HarnessContext(options.nowMs ?? 0)
  const outbox = new Outbox<Out>(options.roomFor ?? Number.POSITIVE_INFINITY)
  const main: HarnessOutput<Out>[] = []
  const settle = () => {
    outbox.drainTo(main)
    for (let idle = 0; operator.pending === true; idle = outbox.drainTo(main) > 0 ? 0 : idle + 1) {
      invariant(
        idle < MAX_STEPS_WITHOUT_PROGRESS,
        () => `the operator was pending for ${idle} steps and emitted nothing`,
      )
      operator.resume?.(outbox)
    }
  }
  const watermark = (watermarkMs: number) => {
    world.watermarkMs = watermarkMs
    operator.onWatermark?.(watermarkMs, outbox)
    settle()
    main.push({ watermarkMs })
  }

  operator.open?.(world)
  for (const event of input) {
    if ("watermarkMs" in event) {
      watermark(event.watermarkMs)
    } else {
      world.keyHash = event.key === undefined ? 0 : hashKey(event.key)
      operator.onRecord(event.value, event.timeMs, outbox)
      settle()
    }
  }
  if (options.end !== false) {
    if (world.watermarkMs < Number.POSITIVE_INFINITY) watermark(Number.POSITIVE_INFINITY)
    operator.finish?.(outbox)
    settle()
  }
  return {
    main,
    records: main.filter((output): output is Emission<Out> => "value" in output),
    sides: world.sides,
    counts: world.counts,
    stores: world.stores,
    mostInOutput: outbox.most,
  }
}

/** An output with room for so many records. */
class Outbox<T> implements Output<T> {
  readonly #roomFor: number
  #held: Emission<T>[] = []
  most = 0

  constructor(roomFor: number) {
    this.#roomFor = roomFor
  }

  get full(): boolean {
    return this.#held.length >= this.#roomFor
  }

  emit(value: T, timeMs: number): void {
    this.#held.push({ value, timeMs })
    this.most = Math.max(this.most, this.#held.length)
  }

  drainTo(target: HarnessOutput<T>[]): number {
    const drained = this.#held.length
    for (const emission of this.#held) target.push(emission)
    this.#held = []
    return drained
  }
}

/** An operator's world with nothing behind it. Also for tests that call an operator's methods themselves. */
export class HarnessContext implements OperatorContext {
  readonly operatorId = "tested"
  readonly subtask = 0
  readonly parallelism = 1
  readonly sides = new Map<string, Emission<unknown>[]>()
  readonly stores = new Map<string, KeyedStore<unknown>>()
  readonly counts = { late: 0, skipped: 0 }
  keyHash = 0
  watermarkMs = Number.NEGATIVE_INFINITY
  nowMs: number
  wakes = 0

  constructor(nowMs = 0) {
    this.nowMs = nowMs
  }

  now(): number {
    return this.nowMs
  }

  keyedStore<V>(name: string): KeyedStore<V> {
    let store = this.stores.get(name)
    if (store === undefined) {
      store = new HeapKeyedStore<unknown>()
      this.stores.set(name, store)
    }
    return store as KeyedStore<V>
  }

  side(tag: string): Output<unknown> {
    let emissions = this.sides.get(tag)
    if (emissions === undefined) {
      emissions = []
      this.sides.set(tag, emissions)
    }
    const held = emissions
    return { full: false, emit: (value, timeMs) => void held.push({ value, timeMs }) }
  }

  count(counter: "late" | "skipped", amount: number): void {
    this.counts[counter] += amount
  }

  wake(): void {
    this.wakes++
  }
}
