import type { Operator, OperatorContext, Output } from "../contracts/index.ts"
import { invariant } from "../errors/index.ts"
import {
  DEFAULT_KEY_GROUPS,
  HeapKeyedStore,
  hashKey,
  type Key,
  type KeyedStore,
  type StateCodec,
} from "../state/index.ts"
import {
  canonicalSnapshot,
  OperatorCapture,
  type OperatorSnapshot,
  restoreSnapshots,
  takeSnapshot,
} from "./harness-snapshots.ts"

/** What goes into an operator under test. `key` gives the record's hash to keyed operators; their key function finds it itself. */
export type HarnessInput<In> =
  | { readonly value: In; readonly timeMs: number; readonly key?: Key }
  | { readonly watermarkMs: number }

/** The same, and: processing time is now this, alarms that are due ring. */
export type HarnessEvent<In> = HarnessInput<In> | { readonly processingTimeMs: number }

/** A record that came out. */
export interface Emission<T> {
  readonly value: T
  readonly timeMs: number
}

/** What came out of the main output, in order: records, and the watermarks between them. */
export type HarnessOutput<Out> = Emission<Out> | { readonly watermarkMs: number }

/**
 * What is done to the operator after every event, besides.
 * - "plain": nothing.
 * - "restored": all of its state is captured, written as bytes, and restored into a new instance, which goes on.
 * - "restored from changes": the same, from a first capture of everything and one of the changes for each event since.
 * - "captured": a capture is written in small steps while the operator goes on, one after the other, some cancelled. What is
 *   written must be what was there when it was taken.
 */
export type HarnessMode = "plain" | "restored" | "restored from changes" | "captured"

export interface HarnessOptions {
  /** The main output is full once this many records are in it, and is emptied before each call: Infinity is never full. */
  readonly roomFor?: number
  readonly nowMs?: number
  /** "plain" when not given. */
  readonly mode?: HarnessMode
  /** When false, neither the watermark +Infinity nor `finish` follows the input. */
  readonly end?: boolean
}

export interface HarnessResult<Out, O> {
  /** The instance that went on to the end. */
  readonly operator: O
  readonly main: readonly HarnessOutput<Out>[]
  readonly records: readonly Emission<Out>[]
  readonly sides: ReadonlyMap<string, readonly Emission<unknown>[]>
  readonly counts: { readonly late: number; readonly skipped: number }
  readonly stores: ReadonlyMap<string, HeapKeyedStore<unknown>>
  /** Most records in the main output at once: `roomFor` plus what one call emitted beyond it. */
  readonly mostInOutput: number
}

/** Every combination of little room and much with every mode: each test of an operator should hold in all of them. */
export const HARNESS_WORLDS: readonly Required<Pick<HarnessOptions, "roomFor" | "mode">>[] = [
  Number.POSITIVE_INFINITY,
  1,
  2,
].flatMap((roomFor) =>
  (["plain", "restored", "restored from changes", "captured"] as const).map((mode) => ({ roomFor, mode })),
)

/** Calls of `resume` that may pass without an emission while the operator stays pending. */
const MAX_STEPS_WITHOUT_PROGRESS = 1_000

/**
 * Drives one operator by hand through its whole life, as a subtask would, but with an output that is full whenever the test
 * likes, and with snapshots taken and restored all the time (as in Jet's TestSupport). Same input, any `roomFor`, any
 * `mode`: the result must be the same.
 *
 * @param make one operator, or how to make them: all but "plain" needs several
 * @throws {EngineError} INVARIANT_BROKEN when the operator stays pending without making progress, or a capture did not hold
 * still
 */
export function runOperator<In, Out, O extends Operator<In, Out> = Operator<In, Out>>(
  make: (O & Operator<In, Out>) | (() => O & Operator<In, Out>),
  input: Iterable<HarnessEvent<In>>,
  options: HarnessOptions = {},
): HarnessResult<Out, O> {
  const subject = newSubject(make, options)
  const outbox = new Outbox<Out>(options.roomFor ?? Number.POSITIVE_INFINITY)
  const main: HarnessOutput<Out>[] = []
  const settle = () => {
    if (options.mode !== undefined && options.mode !== "plain") subject.operator.flushHeld?.("barrier", outbox)
    outbox.drainTo(main)
    for (let idle = 0; subject.operator.pending === true || subject.operator.firing === true; ) {
      invariant(
        idle < MAX_STEPS_WITHOUT_PROGRESS,
        () => `the operator was pending for ${idle} steps and emitted nothing`,
      )
      // An operator that fires may be captured at any time; one that is pending not.
      if (subject.operator.pending !== true) subject.afterEvent()
      subject.operator.resume?.(outbox)
      idle = outbox.drainTo(main) > 0 ? 0 : idle + 1
    }
    subject.afterEvent()
    // A restored operator asks anew for what was due.
    ring()
  }
  const ring = () => {
    const { context } = subject
    if (context.alarmMs > context.nowMs) return
    context.alarmMs = Number.POSITIVE_INFINITY
    subject.operator.onAlarm?.(context.nowMs, outbox)
    settle()
  }
  const watermark = (watermarkMs: number) => {
    subject.context.watermarkMs = watermarkMs
    subject.operator.onWatermark?.(watermarkMs, outbox)
    settle()
    main.push({ watermarkMs })
  }

  for (const event of input) {
    if ("watermarkMs" in event) {
      watermark(event.watermarkMs)
    } else if ("processingTimeMs" in event) {
      subject.context.nowMs = event.processingTimeMs
      ring()
    } else {
      subject.context.keyHash = event.key === undefined ? 0 : hashKey(event.key)
      subject.operator.onRecord(event.value, event.timeMs, outbox)
      settle()
    }
  }
  if (options.end !== false) {
    if (subject.context.watermarkMs < Number.POSITIVE_INFINITY) watermark(Number.POSITIVE_INFINITY)
    subject.operator.finish?.(outbox)
    settle()
  }
  const { sides, counts, stores } = subject.context
  return {
    operator: subject.operator,
    main,
    records: main.filter((output): output is Emission<Out> => "value" in output),
    sides,
    counts,
    stores,
    mostInOutput: outbox.most,
  }
}

/** The operator at hand and its world: opened. */
interface Subject<O> {
  readonly operator: O
  readonly context: HarnessContext
  afterEvent(): void
}

function newSubject<O extends Operator<never, never>>(make: O | (() => O), options: HarnessOptions): Subject<O> {
  const mode = options.mode ?? "plain"
  const context = new HarnessContext(options.nowMs ?? 0, mode === "restored from changes")
  if (mode === "plain") {
    const operator = typeof make === "function" ? make() : make
    operator.open?.(context)
    return { operator, context, afterEvent: () => undefined }
  }
  invariant(typeof make === "function", `the mode "${mode}" was given an operator and not how to make one`)
  return mode === "captured" ? new CapturedSubject(make(), context) : new RestoredSubject(make, context)
}

/** Replaced by a new instance after every event. */
class RestoredSubject<O extends Operator<never, never>> implements Subject<O> {
  readonly #make: () => O
  #chain: OperatorSnapshot[] = []
  operator: O
  context: HarnessContext

  constructor(make: () => O, context: HarnessContext) {
    this.#make = make
    this.context = context
    this.operator = make()
    this.operator.open?.(context)
  }

  afterEvent(): void {
    const changes = this.context.trackChanges && this.#chain.length > 0
    if (!changes) this.#chain = []
    this.#chain.push(takeSnapshot(this, changes ? "changes" : "all"))
    this.context = this.context.restarted()
    this.operator = this.#make()
    this.operator.open?.(this.context)
    restoreSnapshots(this, [this.#chain])
  }
}

const CANCELLED_EVERY = 3

/** Captured while it goes on: one entry per table and event. */
class CapturedSubject<O extends Operator<never, never>> implements Subject<O> {
  readonly operator: O
  readonly context: HarnessContext
  #capture: OperatorCapture | undefined
  #expected: readonly string[] = []
  #captures = 0

  constructor(operator: O, context: HarnessContext) {
    this.operator = operator
    this.context = context
    operator.open?.(context)
  }

  afterEvent(): void {
    if (this.#capture === undefined) {
      this.#expected = canonicalSnapshot([takeSnapshot(this, "all")])
      this.#capture = new OperatorCapture(this, "all")
      this.#captures += 1
      return
    }
    const snapshot = this.#capture.write(1)
    if (snapshot === undefined && this.#captures % CANCELLED_EVERY !== 0) return
    if (snapshot === undefined) this.#capture.cancel()
    else {
      const [found, expected] = [canonicalSnapshot([snapshot]).join("\n"), this.#expected.join("\n")]
      invariant(found === expected, () => `a capture wrote\n${found}\nand was taken of\n${expected}`)
    }
    this.#capture = undefined
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
  readonly trackChanges: boolean
  sides = new Map<string, Emission<unknown>[]>()
  counts = { late: 0, skipped: 0 }
  readonly stores = new Map<string, HeapKeyedStore<unknown>>()
  keyHash = 0
  watermarkMs = Number.NEGATIVE_INFINITY
  nowMs: number
  wakes = 0
  alarmMs = Number.POSITIVE_INFINITY

  constructor(nowMs = 0, trackChanges = false) {
    this.nowMs = nowMs
    this.trackChanges = trackChanges
  }

  /** The world of the instance that takes over: what came out so far is kept, state is not. */
  restarted(): HarnessContext {
    const context = new HarnessContext(this.nowMs, this.trackChanges)
    context.sides = this.sides
    context.counts = this.counts
    context.watermarkMs = this.watermarkMs
    return context
  }

  now(): number {
    return this.nowMs
  }

  keyedStore<V>(name: string, codec?: StateCodec<V> | undefined): KeyedStore<V> {
    let store = this.stores.get(name)
    if (store === undefined) {
      store = new HeapKeyedStore<unknown>(DEFAULT_KEY_GROUPS, {
        name,
        codec: codec as StateCodec<unknown> | undefined,
        trackChanges: this.trackChanges,
      })
      this.stores.set(name, store)
    }
    return store as unknown as KeyedStore<V>
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

  processingTimeMs(): number {
    return this.nowMs
  }

  setAlarm(timeMs: number): void {
    this.alarmMs = timeMs
  }
}
