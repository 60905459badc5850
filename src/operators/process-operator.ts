import type { Operator, OperatorContext, OperatorWaiting, Output } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"
import { NO_TIME } from "../records/index.ts"
import { type Key, type KeyedStore, keyIdentity, type StateCodec, type StateTable, TimerTable } from "../state/index.ts"
import { Piece, TimerQueue } from "../time/index.ts"
import type {
  NoStates,
  ProcessContext,
  ProcessSpec,
  ProcessTimers,
  StateDeclarations,
  ValueState,
} from "./process-spec.ts"

export interface ProcessOperatorOptions<In, Out, K extends Key = Key, States extends StateDeclarations = NoStates> {
  readonly spec: ProcessSpec<In, Out, K, States>
  /** The key of a record when the stream is keyed: without it there are no key, no state and no timers. */
  readonly keyOf?: (value: In) => K
}

/**
 * Runs what the user wrote as a `ProcessSpec`.
 *
 * - Timers fire in time order, ties in the order of registration, when the watermark reaches them and while there is room
 *   downstream; the watermark is handed on when all of them have fired. Timers set by timers fire in the same sweep if due.
 * - Timers in processing time fire when the clock reaches them; those left at the end of input fire then, after the others and
 *   before `onEnd`, unlike in Flink, which drops them.
 * - A burst of timers is interrupted every millisecond, for records and captures (`firing`).
 * - `onEnd` runs after the last timer and before the end of event time is handed on, so that what it emits is on time.
 *
 * - Checkpoints hold the declared states, the timers, the watermark and newest time that the function sees, and whether `onEnd`
 *   has run. Subtasks merge to the earliest watermark, the newest time, and ended if all had.
 *
 * @throws {EngineError} NOT_KEYED when the function declares state and there is no `keyOf`
 * @throws {EngineError} STATE_NAME_RESERVED when a state's name begins with "$"
 */
export class ProcessOperator<In, Out, K extends Key = Key, States extends StateDeclarations = NoStates>
  implements Operator<In, Out>
{
  readonly #spec: ProcessSpec<In, Out, K, States>
  readonly #keyOf: ((value: In) => K) | undefined
  readonly #run: Run<Out, K, States>
  readonly #tables: readonly StateTable[]
  #piece!: Piece
  #sweeping = false
  #alarmed = false
  #ended = false
  #newestMs = NO_TIME

  constructor(options: ProcessOperatorOptions<In, Out, K, States>) {
    this.#spec = options.spec
    this.#keyOf = options.keyOf
    const declared: StateDeclarations = options.spec.state ?? {}
    const names = Object.keys(declared)
    if (names.length > 0 && options.keyOf === undefined) throw notKeyed(`the state ${names.join(", ")}`)
    for (const name of names) if (name.startsWith("$")) throw nameReserved(name)
    this.#run = new Run(declared, options.keyOf !== undefined)
    this.#tables =
      options.keyOf === undefined
        ? []
        : [new TimerTable(this.#run.queue), new TimerTable(this.#run.processingQueue, "$processingTimers")]
  }

  /** True while due timers, or the end, have not all fired. */
  get firing(): boolean {
    return this.#sweeping || this.#alarmed
  }

  /** Timers that have neither fired nor been deleted. */
  get timers(): number {
    return this.#run.queue.size + this.#run.processingQueue.size
  }

  open(context: OperatorContext): void {
    this.#run.open(context)
    this.#piece = new Piece(context)
    this.#spec.open?.({ operatorId: context.operatorId, subtask: context.subtask, parallelism: context.parallelism })
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    const run = this.#run
    run.out = out
    run.timeMs = timeMs
    if (timeMs > this.#newestMs) this.#newestMs = timeMs
    if (this.#keyOf !== undefined) run.enterKey(this.#keyOf(value), run.context.keyHash)
    this.#spec.onRecord(value, run)
  }

  onWatermark(watermarkMs: number, out: Output<Out>): void {
    // A restored one is not taken back.
    this.#run.watermarkMs = Math.max(this.#run.watermarkMs, watermarkMs)
    this.#sweeping = true
    this.resume(out)
  }

  onAlarm(nowMs: number, out: Output<Out>): void {
    this.#alarmed = true
    this.#run.nowMs = Math.max(this.#run.nowMs, nowMs)
    this.resume(out)
  }

  resume(out: Output<Out>): void {
    const run = this.#run
    run.out = out
    const piece = this.#piece
    // A burst, or a timer that always sets the next one, must not hold a step.
    piece.begin()
    for (;;) {
      if (out.full || piece.over) return
      if (this.#sweeping && this.#fireEventTimer()) continue
      if (this.#alarmed && this.#fireProcessingTimer(run.nowMs)) continue
      // At the end of input nothing is left to wait for.
      if (this.#sweeping && run.watermarkMs === Number.POSITIVE_INFINITY) {
        if (this.#fireProcessingTimer(Number.POSITIVE_INFINITY)) continue
        this.#end()
      }
      this.#sweeping = false
      this.#alarmed = false
      run.setAlarm()
      return
    }
  }

  waiting(): OperatorWaiting | undefined {
    const { queue, processingQueue } = this.#run
    const count = queue.size + processingQueue.size
    if (count === 0) return undefined
    return {
      what: "timer",
      count,
      ...(queue.size === 0 ? {} : { nextMs: queue.nextMs }),
      ...(processingQueue.size === 0 ? {} : { nextProcessingMs: processingQueue.nextMs }),
    }
  }

  finish(out: Output<Out>): void {
    this.#run.out = out
    this.#end()
  }

  tables(): readonly StateTable[] {
    return this.#tables
  }

  captureValue(): ProcessProgress {
    const { watermarkMs } = this.#run
    return { watermarkMs, newestMs: this.#newestMs, ended: this.#ended, sweeping: this.#sweeping }
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly ProcessProgress[]
    this.#run.watermarkMs = Math.min(...former.map(({ watermarkMs }) => watermarkMs))
    this.#newestMs = Math.max(...former.map(({ newestMs }) => newestMs))
    this.#ended = former.every(({ ended }) => ended)
    // Captured in the middle of a burst: what is left of it fires now.
    this.#sweeping = former.some(({ sweeping }) => sweeping)
    this.#run.setAlarm()
  }

  #fireEventTimer(): boolean {
    const run = this.#run
    const timer = run.queue.nextDue(run.watermarkMs)
    if (timer === undefined) return false
    run.timeMs = timer.timeMs
    run.enterKey(timer.key, timer.keyHash)
    this.#spec.onTimer?.(timer.timeMs, run)
    return true
  }

  #fireProcessingTimer(nowMs: number): boolean {
    const run = this.#run
    const timer = run.processingQueue.nextDue(nowMs)
    if (timer === undefined) return false
    // It has no event time: what it emits is as new as anything seen, and so on time downstream.
    run.timeMs = this.#newestMs
    run.enterKey(timer.key, timer.keyHash)
    this.#spec.onProcessingTimer?.(timer.timeMs, run)
    return true
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#run.timeMs = this.#newestMs
    this.#run.leaveKey()
    this.#spec.onEnd?.(this.#run)
  }
}

/** What a snapshot holds beside state and timers. */
interface ProcessProgress {
  readonly watermarkMs: number
  readonly newestMs: number
  readonly ended: boolean
  /** Captured while timers of this watermark were firing. */
  readonly sweeping: boolean
}

/** What the user's function sees, for the record, timer or end at hand. One object per operator, changed in place. */
class Run<Out, K extends Key, States extends StateDeclarations> implements ProcessContext<Out, K, States> {
  readonly queue = new TimerQueue<K>(keyIdentity)
  readonly processingQueue = new TimerQueue<K>(keyIdentity)
  readonly state: ProcessContext<Out, K, States>["state"]
  readonly timers: ProcessTimers
  readonly processingTimers: ProcessTimers
  readonly #states: readonly CurrentValueState[]
  readonly #keyed: boolean
  #key: K | undefined = undefined
  #keyHash = 0
  context!: OperatorContext
  out!: Output<Out>
  timeMs = NO_TIME
  watermarkMs = Number.NEGATIVE_INFINITY
  /** The newest alarm. */
  nowMs = Number.NEGATIVE_INFINITY

  constructor(declared: StateDeclarations, keyed: boolean) {
    this.#keyed = keyed
    this.#states = Object.entries(declared).map(([name, { codec }]) => new CurrentValueState(name, codec, this))
    this.state = Object.fromEntries(this.#states.map((state) => [state.name, state])) as unknown as typeof this.state
    this.timers = this.#timersIn(this.queue, () => undefined)
    this.processingTimers = this.#timersIn(this.processingQueue, () => this.setAlarm())
  }

  #timersIn(queue: TimerQueue<K>, onChange: () => void): ProcessTimers {
    return {
      register: (timeMs) => {
        const key = this.keyFor("a timer")
        if (!(timeMs > Number.NEGATIVE_INFINITY)) throw timerTimeInvalid(timeMs)
        queue.register(key, this.#keyHash, timeMs)
        onChange()
      },
      delete: (timeMs) => {
        queue.delete(this.keyFor("a timer"), this.#keyHash, timeMs)
        onChange()
      },
    }
  }

  /** Asks for the next timer in processing time. */
  setAlarm(): void {
    this.context.setAlarm(this.processingQueue.nextMs)
  }

  open(context: OperatorContext): void {
    this.context = context
    for (const state of this.#states) state.store = context.keyedStore(state.name, state.codec)
    if (context.trackChanges === true) {
      this.queue.trackChanges()
      this.processingQueue.trackChanges()
    }
  }

  enterKey(key: K, keyHash: number): void {
    this.#key = key
    this.#keyHash = keyHash
  }

  leaveKey(): void {
    this.#key = undefined
  }

  get key(): K {
    return this.keyFor("the key")
  }

  get keyHash(): number {
    return this.#keyHash
  }

  /** The current key, or the refusal of `what`, which needs one. */
  keyFor(what: string): K {
    if (this.#key !== undefined) return this.#key
    throw this.#keyed ? noCurrentKey(what) : notKeyed(what)
  }

  emit(value: Out, timeMs: number = this.timeMs): void {
    this.out.emit(value, timeMs)
  }

  emitTo(tag: string, value: unknown, timeMs: number = this.timeMs): void {
    this.context.side(tag).emit(value, timeMs)
  }

  now(): number {
    return this.context.now()
  }

  get processingTimeMs(): number {
    return this.context.processingTimeMs()
  }
}

/** A declared state, for whatever key is current. */
class CurrentValueState implements ValueState<unknown> {
  readonly name: string
  readonly codec: StateCodec<unknown> | undefined
  readonly #run: { keyFor(what: string): Key; readonly keyHash: number }
  store!: KeyedStore<unknown>

  constructor(
    name: string,
    codec: StateCodec<unknown> | undefined,
    run: { keyFor(what: string): Key; readonly keyHash: number },
  ) {
    this.name = name
    this.codec = codec
    this.#run = run
  }

  get(): unknown {
    return this.store.get(this.#keyFor(), this.#run.keyHash)
  }

  set(value: unknown): void {
    this.store.set(this.#keyFor(), this.#run.keyHash, value)
  }

  clear(): void {
    this.store.delete(this.#keyFor(), this.#run.keyHash)
  }

  #keyFor(): Key {
    return this.#run.keyFor(`the state ${this.name}`)
  }
}

function notKeyed(what: string): EngineError {
  return new EngineError("NOT_KEYED", `Cannot use ${what}: the stream is not keyed; call keyBy before process`)
}

function nameReserved(name: string): EngineError {
  return new EngineError(
    "STATE_NAME_RESERVED",
    `Cannot declare the state "${name}": names that begin with "$" are the engine's; call it "${name.replace(/^\$+/, "") || "state"}"`,
    { details: { name } },
  )
}

function noCurrentKey(what: string): EngineError {
  return new EngineError(
    "NO_CURRENT_KEY",
    `Cannot use ${what} in onEnd: it runs once per subtask and for no key; register a timer at Infinity for each key, it fires ` +
      "at the end of input",
  )
}

function timerTimeInvalid(timeMs: unknown): EngineError {
  return new EngineError(
    "TIMER_TIME_INVALID",
    `Cannot register a timer at ${describe(timeMs)}: it is no event time; give ms, e.g. ctx.timeMs + 60_000 for a record ` +
      "that has a time (the source's `time` option), or Infinity for the end of input",
    { details: { given: describe(timeMs) } },
  )
}
