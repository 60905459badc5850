import { type Key, type StateCodec, stateCodecOf } from "../state/index.ts"

/**
 * A step that the user writes: sees every record, keeps state per key, sets timers, emits what it likes and where.
 *
 * ```ts
 * readings.keyBy((r) => r.device).process({
 *   emits: recordType<Silence>(),
 *   state: { newest: valueState<number>() },
 *   onRecord(reading, ctx) {
 *     const newest = Math.max(reading.time, ctx.state.newest.get() ?? 0)
 *     ctx.state.newest.set(newest)
 *     ctx.timers.register(newest + 60_000)
 *   },
 *   onTimer(timeMs, ctx) {
 *     if (ctx.state.newest.get() === timeMs - 60_000) ctx.emit({ device: ctx.key, sinceMs: timeMs - 60_000 })
 *   },
 * })
 * ```
 * One object may serve several subtasks on its thread: what differs per key belongs in `state`, not in fields.
 */
export interface ProcessSpec<In, Out, K extends Key = Key, States extends StateDeclarations = NoStates> {
  /** Tells the compiler the type of what is emitted, where it is not named as a type argument: `recordType<Alert>()`. */
  readonly emits?: RecordType<Out>
  /** The state it keeps per key, by name. Keyed streams only. */
  readonly state?: States
  /** Called once per subtask, before the first record. */
  open?(info: ProcessInfo): void
  onRecord(value: In, ctx: ProcessContext<Out, K, States>): void
  /** A timer is due: `ctx.key` and `ctx.state` are those of the key that set it, `ctx.timeMs` is `timeMs`. */
  onTimer?(timeMs: number, ctx: ProcessContext<Out, K, States>): void
  /**
   * A timer in processing time is due: the clock has reached `timeMs`, or the input has ended. `ctx.timeMs` is the newest event
   * time seen.
   */
  onProcessingTimer?(timeMs: number, ctx: ProcessContext<Out, K, States>): void
  /**
   * All input has ended and every timer has fired. There is no current key here. What is emitted without a time gets
   * the newest event time seen, and is on time downstream.
   */
  onEnd?(ctx: ProcessContext<Out, K, States>): void
}

export interface ProcessInfo {
  readonly operatorId: string
  readonly subtask: number
  readonly parallelism: number
}

export interface ProcessContext<Out, K extends Key = Key, States extends StateDeclarations = NoStates> {
  /** Hands a record on. @param timeMs its event time; that of the current record or timer when not given */
  emit(value: Out, timeMs?: number): void
  /** Hands a record to a named output beside the main one. */
  emitTo(tag: string, value: unknown, timeMs?: number): void
  /** Event time of the current record (NO_TIME when it has none) or timer. */
  readonly timeMs: number
  /** All records up to here have been seen, but for late ones. */
  readonly watermarkMs: number
  /** The current key. @throws {EngineError} NOT_KEYED when the stream is not keyed, NO_CURRENT_KEY in onEnd */
  readonly key: K
  /** The declared states, for the current key. Throw as `key`. */
  readonly state: { readonly [Name in keyof States]: ValueState<StateValue<States[Name]>> }
  /** Event-time timers of the current key. Throw as `key`. */
  readonly timers: ProcessTimers
  /** Timers of the current key in processing time: epoch ms, as `processingTimeMs`. They call `onProcessingTimer`. Throw as `key`. */
  readonly processingTimers: ProcessTimers
  /** Processing time: epoch ms, which mean the same after a restart. */
  readonly processingTimeMs: number
  /** Monotonic wall-clock ms. */
  now(): number
}

export interface ProcessTimers {
  /**
   * Asks for a call once the watermark, or the clock, reaches `timeMs`; +Infinity stands for the end of input. Once per key and
   * time, however often it is registered. An event time already passed fires at the next watermark.
   * @throws {EngineError} TIMER_TIME_INVALID for NaN and -Infinity
   */
  register(timeMs: number): void
  /** Takes a timer back. Does nothing when there is none. */
  delete(timeMs: number): void
}

/** One value of the current key. In checkpoints: plain data, or what a codec makes of it. */
export interface ValueState<V> {
  /**
   * undefined when nothing was set for this key. Get it anew in every call, do not keep it; and `set` it after changing it in
   * place.
   */
  get(): V | undefined
  set(value: V): void
  clear(): void
}

/** Declares a state that holds one value per key. Made with `valueState<V>()`. */
export interface ValueStateDeclaration<V> {
  readonly kind: "value"
  readonly codec?: StateCodec<V>
  readonly version?: number
  readonly previously?: string
  migrate?(saved: never, fromVersion: number): unknown
  /** Carries the type only, never there. */
  readonly valueType?: V
}

/** A type, for the compiler to infer from. Made with `recordType<T>()`. */
export interface RecordType<T> {
  readonly kind: "type"
  /** Carries the type only, never there. */
  readonly recordType?: T
}

export type StateDeclarations = Readonly<Record<string, ValueStateDeclaration<unknown>>>
export type NoStates = Readonly<Record<never, never>>
type StateValue<D> = D extends ValueStateDeclaration<infer V> ? V : never

/** How a state's values are saved, and how those of earlier releases are read. */
export interface ValueStateOptions<V> extends Partial<StateCodec<V>> {
  /** Of what is saved: an integer, 1 when not given. Raise it with every change, and say in `migrate` how to read the old. */
  readonly version?: number
  /** The name it had in checkpoints of earlier releases. */
  readonly previously?: string
  /**
   * Makes what the present version saves out of what an earlier one saved: plain data both. Called once per key when the job
   * goes on from a checkpoint of that version.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the user knows what was saved
  migrate?(saved: any, fromVersion: number): unknown
}

/**
 * Declares a state that holds one value per key, for the `state` of a `ProcessSpec`.
 * @param options `encode` and `decode` for values that are no plain data, e.g. instances of a class; `version`, `migrate` and
 * `previously` for state that has changed since it was saved
 * @throws {EngineError} STATE_CODEC_INCOMPLETE
 */
export function valueState<V>(options: ValueStateOptions<V> = {}): ValueStateDeclaration<V> {
  const codec = stateCodecOf<V>(options, "the state")
  const { version, previously } = options
  return {
    kind: "value",
    ...(codec === undefined ? {} : { codec }),
    ...(version === undefined ? {} : { version }),
    ...(previously === undefined ? {} : { previously }),
    ...(options.migrate === undefined
      ? {}
      : { migrate: (saved: never, fromVersion: number) => options.migrate!(saved, fromVersion) }),
  }
}

/** Names the type of the records that a `ProcessSpec` emits, for its `emits`. */
export function recordType<T>(): RecordType<T> {
  return { kind: "type" }
}
