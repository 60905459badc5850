import type { KeyedStore } from "../state/index.ts"

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
  /** State of this operator by key, partitioned by key group. Keyed operators only. */
  keyedStore<V>(name: string): KeyedStore<V>
  /** A named output beside the main one. */
  side(tag: string): Output<unknown>
  /** Counts an event for the job's metrics. */
  count(counter: "late" | "skipped", amount: number): void
  /** Makes the worker step this subtask again soon: for operators whose asynchronous work has ended. */
  wake(): void
}

/**
 * One step of a pipeline, as one parallel instance sees it. Pure but for its context: it knows no thread, awaits nothing,
 * and does a bounded amount of work per call.
 *
 * Life: open, then records and watermarks in order, then `finish` once all inputs ended (after the watermark +Infinity),
 * then close. A failure goes from anywhere straight to close.
 */
export interface Operator<In = unknown, Out = unknown> {
  open?(context: OperatorContext): void
  onRecord(value: In, timeMs: number, out: Output<Out>): void
  /** The watermark reached `watermarkMs`. It is handed on when this returns and nothing is left to `resume`. */
  onWatermark?(watermarkMs: number, out: Output<Out>): void
  /** True while the operator holds output it could not emit: it gets no new input until `resume` has emptied it. */
  readonly pending?: boolean
  /** Goes on emitting while `out.full` is false. */
  resume?(out: Output<Out>): void
  /** All input has ended: emit what is left. */
  finish?(out: Output<Out>): void
  /** `failed` is true when the job did not end well. Must not throw. */
  close?(failed: boolean): void | Promise<void>
}
