import type { KeyedStore, StateCodec, StateTable } from "../state/index.ts"

/** Where an operator's records go. */
export interface Output<T> {
  /** Hands one record on. Always taken, also when `full`: what cannot leave yet is kept for the next step. */
  emit(value: T, timeMs: number): void
  /** True when something downstream is at its bound: an operator that has more to emit keeps its place and goes on in `resume`. */
  readonly full: boolean
}

/** What an operator may use of the world. Clock, state and side outputs come from here and from nowhere else. */
export interface OperatorContext {
  readonly operatorId: string
  readonly subtask: number
  readonly parallelism: number
  /** Monotonic wall-clock ms. */
  now(): number
  /** Unsigned 32-bit hash of the current record's key, as computed by the sender. Keyed operators only. */
  readonly keyHash: number
  /** The current event-time watermark of this operator: all records up to it have been seen, but for late ones. */
  readonly watermarkMs: number
  /** Whether checkpoints may hold changes only: the operator's own tables then keep track of theirs. No when not given. */
  readonly trackChanges?: boolean
  /** Whether operators behind this one may capture what it sends after its barrier: at least once. No when not given. */
  readonly inexactBarriers?: boolean
  /**
   * State of this operator by key, partitioned by key group; captured and restored by the engine. Keyed operators only.
   * To be asked for in `open`. A name that begins with "$" is not for stores.
   * @param codec for values that are no plain data
   */
  keyedStore<V>(name: string, codec?: StateCodec<V> | undefined): KeyedStore<V>
  /** A named output beside the main one. */
  side(tag: string): Output<unknown>
  /** Counts an event for the job's metrics. */
  count(counter: "late" | "skipped", amount: number): void
  /** Makes the worker step this subtask again soon: for operators whose asynchronous work has ended. */
  wake(): void
  /** Processing time: epoch ms, the same before and after a restart. Does not go back within a run. */
  processingTimeMs(): number
  /**
   * Asks for `onAlarm` once processing time has reached `timeMs`. There is one alarm: the last call counts. Not part of a
   * snapshot; an operator sets it anew in `restoreValue`.
   */
  setAlarm(timeMs: number): void
}

/** The event time that an operator gives its records, in place of the one they came with. */
export interface OwnEventTime {
  /** Of what it has emitted: the watermark of what follows, whatever its inputs' is. */
  readonly watermarkMs: number
  readonly newestMs: number
  /** True while it no longer holds the watermark back. */
  readonly idle: boolean
  /** The subtask could not take input meanwhile: that is no idleness. */
  noteHeld(): void
}

/** Windows or timers that have not fired. */
export interface OperatorWaiting {
  readonly what: "window" | "timer"
  /** How many; at least 1. */
  readonly count: number
  /** The watermark at which the next one fires: event-time ms, +Infinity for the end of input; undefined when none waits for one. */
  readonly nextMs?: number
  /** When the next one fires by the clock: epoch ms; undefined when none waits for it. */
  readonly nextProcessingMs?: number
}

/**
 * One step of a pipeline, as one parallel instance sees it. Pure but for its context: it knows no thread, awaits nothing,
 * and does a bounded amount of work per call.
 *
 * Life: open, then records and watermarks in order, then `finish` once all inputs ended (after the watermark +Infinity),
 * then close. A failure goes from anywhere straight to close.
 *
 * State: all that an operator remembers from one record to the next is in its keyed stores, its own tables and its value.
 * - They are captured at one moment, between two calls, and only while nothing is `pending`; sinks have then written and
 *   prepared all they had. So what waits for room downstream (a half-used iterable) and what a sink has gathered is never
 *   part of a snapshot. An operator that is `firing` is captured in the middle of it: its state is then what has not fired.
 * - A restored operator is opened first, then its tables and stores are loaded, then its value is restored, then it sees its
 *   first record. It goes on as if nothing had happened (WIN-7), also when it is restored again (RST-3).
 */
export interface Operator<In = unknown, Out = unknown> {
  open?(context: OperatorContext): void
  onRecord(value: In, timeMs: number, out: Output<Out>): void
  /** The watermark reached `watermarkMs`. It is handed on when this returns and nothing is left to `resume`. */
  onWatermark?(watermarkMs: number, out: Output<Out>): void
  /** True while the operator holds output it could not emit: it gets no new input until `resume` has emptied it. */
  readonly pending?: boolean
  /**
   * True while a watermark, or what is due in processing time, is worked off piece by piece: `resume` goes on with it, some
   * hundred microseconds at a time, and the watermark is handed on when it is false. Unlike `pending` it holds nothing back:
   * records may come and state may be captured between two pieces. May be true right after `restoreValue`.
   */
  readonly firing?: boolean
  /** Goes on emitting while `out.full` is false. */
  resume?(out: Output<Out>): void
  /**
   * Emits what it holds only to send less: asked for before its state is captured and before its subtask says that it is idle,
   * perhaps several times. What finds no room is `pending`, and the barrier, or the word, waits for it.
   */
  flushHeld?(before: "barrier" | "idle", out: Output<Out>): void
  /** Processing time has reached what `setAlarm` asked for. */
  onAlarm?(nowMs: number, out: Output<Out>): void
  /** All input has ended: emit what is left. */
  finish?(out: Output<Out>): void
  /** Keyed state beside the stores, e.g. windows and timers. The same tables, with the same names, from `open` on. */
  tables?(): readonly StateTable[]
  /** What this subtask remembers beside keyed state: small plain data, serialized at once. Such as the watermark, for what is late. */
  captureValue?(): unknown
  /**
   * Restores what `captureValue` returned. Called once, after the tables were loaded, also when these hold nothing.
   * @param values those of the former subtasks whose key groups this one takes over, at least one: its own alone when the
   * parallelism has not changed. The operator says how they become one
   */
  restoreValue?(values: readonly unknown[]): void
  /** Of an operator that gives records another event time. It stands at the head of its chain. */
  readonly eventTime?: OwnEventTime
  /** What keeps it from emitting, asked when somebody wonders (`millrace why`); undefined when nothing does. */
  waiting?(): OperatorWaiting | undefined
  /** `failed` is true when the job did not end well. Must not throw. */
  close?(failed: boolean): void | Promise<void>
}
