import type { Sink } from "../../contracts/index.ts"

/** A sink whose values the engine keeps in the main thread, as the job's result. */
export interface CollectSink<T> extends Sink<T> {
  readonly toMain: "collect"
}

/**
 * Hands every value to the main thread, in the order in which it arrived at its subtask.
 * Backpressure: a batch is taken once the main thread has the one before. Memory there: all values.
 */
export function collectSink<T>(): CollectSink<T> {
  return {
    label: "collect",
    toMain: "collect",
    writer: ({ toMain }) => ({ write: (values) => toMain(values) }),
  }
}
