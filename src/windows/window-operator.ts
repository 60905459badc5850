import type { Aggregate, Operator, OperatorContext, OperatorWaiting, Output } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"
import { type Key, keyIdentity, type StateTable, stateCodecOf } from "../state/index.ts"
import type { Pane } from "./_pane.ts"
import { PaneTable } from "./_pane-table.ts"
import type { TumblingWindows } from "./tumbling-windows.ts"
import type { TimeWindow } from "./window.ts"

/** The side output to which late records go. */
export const LATE_TAG = "late"

export interface TumblingWindowOptions<In, K extends Key, Acc, R, Out> {
  readonly keyOf: (value: In) => K
  readonly assigner: TumblingWindows
  readonly aggregate: Aggregate<In, Acc, R>
  /** What is handed on for a key and window, e.g. `combined.windowed`. `window` is frozen and shared by its results. */
  readonly result: (key: K, window: TimeWindow, value: R) => Out
}

/**
 * Aggregates the records of each key in tumbling windows of event time.
 *
 * - A window fires when the watermark reaches its end - 1 ms, and its results carry that time (as in Flink). Results leave
 *   in the order of window ends, within a window in the order in which its keys first came, and while there is room
 *   downstream; the watermark is handed on after them. The end of input fires every window.
 * - A record whose window has fired (end - 1 <= watermark) is late: counted, and handed to the side output "late" with its
 *   own time, never dropped in silence (WIN-4 with no lateness allowed).
 * - A fired window leaves nothing behind (WIN-5); where changes are tracked, it is kept until the next checkpoint.
 * - Checkpoints hold the open windows and the watermark: after a restore the same records are late (WIN-7, FLINK-24501).
 *   Subtasks merge to the earliest watermark.
 *
 * @throws {EngineError} WINDOW_NO_TIME for a record without a usable event time; STATE_INCOMPATIBLE when the state of windows
 * of another size or offset is restored
 * State: by window, then by key, so that a window's keys need no timer each. O(open windows x keys) memory; per record a
 * comparison with the last window, one Map lookup and one `add`.
 */
export class TumblingWindowOperator<In, K extends Key, Acc, R, Out> implements Operator<In, Out> {
  readonly #keyOf: (value: In) => K
  readonly #assigner: TumblingWindows
  readonly #aggregate: Aggregate<In, Acc, R>
  readonly #result: (key: K, window: TimeWindow, value: R) => Out
  #context!: OperatorContext
  #late!: Output<unknown>
  #watermarkMs = Number.NEGATIVE_INFINITY
  /** The open windows. None of them is due. */
  readonly #panes: PaneTable<K, Acc>
  /** The open window that took the last record: the next one is most likely in it too. */
  #last: Pane<K, Acc> | undefined
  /** Windows that are due, by rising end; the first has emitted up to `#cursor`. */
  readonly #due: Pane<K, Acc>[] = []
  #cursor = 0

  constructor(options: TumblingWindowOptions<In, K, Acc, R, Out>) {
    this.#keyOf = options.keyOf
    this.#assigner = options.assigner
    this.#aggregate = options.aggregate
    this.#result = options.result
    this.#panes = new PaneTable({
      sizeMs: options.assigner.sizeMs,
      codec: stateCodecOf<Acc>(options.aggregate, "the aggregate"),
    })
  }

  get pending(): boolean {
    return this.#due.length > 0
  }

  waiting(): OperatorWaiting | undefined {
    const next = this.#panes.open[0]
    return next === undefined ? undefined : { what: "window", count: this.windows, nextMs: next.end - 1 }
  }

  /** Windows that hold state: open ones and those not emitted to the end. */
  get windows(): number {
    return this.#panes.open.length + this.#due.length
  }

  /** Accumulators held, over all windows. */
  get accumulators(): number {
    let accumulators = 0
    for (const pane of this.#panes.open) accumulators += pane.entries.length
    for (const pane of this.#due) accumulators += pane.entries.length
    return accumulators
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#late = context.side(LATE_TAG)
    if (context.trackChanges === true) this.#panes.trackChanges()
  }

  onRecord(value: In, timeMs: number, _out: Output<Out>): void {
    let pane = this.#last
    if (pane === undefined || timeMs < pane.start || !(timeMs < pane.end)) {
      pane = this.#paneOf(timeMs)
      if (pane === undefined) {
        this.#context.count("late", 1)
        this.#late.emit(value, timeMs)
        return
      }
      this.#last = pane
    }
    const key = this.#keyOf(value)
    const panes = this.#panes
    const entry =
      pane.find(keyIdentity(key)) ?? pane.add(key, this.#context.keyHash, this.#aggregate.create(), panes.epoch)
    if (entry.epoch !== panes.epoch) panes.touch(pane, entry)
    entry.accumulator = this.#aggregate.add(entry.accumulator, value)
  }

  onWatermark(watermarkMs: number, out: Output<Out>): void {
    // A restored one is not taken back.
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
    const due = this.#panes.takeDue(this.#watermarkMs)
    if (due.length > 0) {
      for (const pane of due) this.#due.push(pane)
      this.#last = undefined
    }
    this.resume(out)
  }

  resume(out: Output<Out>): void {
    const due = this.#due
    let fired = 0
    for (; fired < due.length; fired++) {
      const pane = due[fired]!
      const { entries, window, end } = pane
      for (; this.#cursor < entries.length; this.#cursor++) {
        if (out.full) {
          due.splice(0, fired)
          return
        }
        const entry = entries[this.#cursor]!
        // The result may hold the accumulator itself, and then it belongs to whoever gets it.
        if (entry.epoch !== this.#panes.epoch) this.#panes.touch(pane, entry)
        const { key, accumulator } = entry
        out.emit(this.#result(key, window, this.#aggregate.result(accumulator)), end - 1)
      }
      this.#cursor = 0
      this.#panes.purge(pane)
    }
    due.length = 0
  }

  tables(): readonly StateTable[] {
    return [this.#panes]
  }

  captureValue(): WindowProgress {
    const { sizeMs, offsetMs } = this.#assigner
    return { watermarkMs: this.#watermarkMs, sizeMs, offsetMs }
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly WindowProgress[]
    const { sizeMs, offsetMs } = this.#assigner
    for (const of of former)
      if (of.sizeMs !== sizeMs || of.offsetMs !== offsetMs) throw otherWindows(of, this.#assigner)
    this.#watermarkMs = Math.min(...former.map(({ watermarkMs }) => watermarkMs))
    this.#panes.settle()
  }

  /** The open window of a time, made if need be, or undefined when it has fired. */
  #paneOf(timeMs: number): Pane<K, Acc> | undefined {
    if (!(Math.abs(timeMs) <= Number.MAX_SAFE_INTEGER)) throw noTime(timeMs)
    const start = this.#assigner.startOf(timeMs)
    const open = this.#panes.find(start)
    if (open !== undefined) return open
    return start + this.#assigner.sizeMs - 1 <= this.#watermarkMs ? undefined : this.#panes.add(start)
  }
}

/** What a snapshot holds beside the windows. */
interface WindowProgress {
  readonly watermarkMs: number
  readonly sizeMs: number
  readonly offsetMs: number
}

function otherWindows(saved: WindowProgress, { sizeMs, offsetMs }: TumblingWindows): EngineError {
  return new EngineError(
    "STATE_INCOMPATIBLE",
    `Cannot restore windows of ${saved.sizeMs} ms with offset ${saved.offsetMs} ms into windows of ${sizeMs} ms with offset ` +
      `${offsetMs} ms: what they have counted cannot be cut anew; give the windows their former size and offset, or start ` +
      "the job without the snapshot",
    { details: { savedSizeMs: saved.sizeMs, savedOffsetMs: saved.offsetMs, sizeMs, offsetMs } },
  )
}

function noTime(timeMs: number): EngineError {
  const found = timeMs === Number.NEGATIVE_INFINITY ? "it has no event time" : `its event time is ${describe(timeMs)}`
  return new EngineError(
    "WINDOW_NO_TIME",
    `Cannot put a record in a window: ${found}, and windows need ms between -2^53 and 2^53; give the source a \`time\` ` +
      "option that returns the record's time, e.g. { time: (f) => f.date }, and filter out records that have none",
    { details: { timeMs: describe(timeMs) } },
  )
}
