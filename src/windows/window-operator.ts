import type { Aggregate, Operator, OperatorContext, Output } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"
import { type Key, keyIdentity } from "../state/index.ts"
import { Pane } from "./_pane.ts"
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
 * - A fired window leaves nothing behind (WIN-5).
 *
 * @throws {EngineError} WINDOW_NO_TIME for a record without a usable event time
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
  /** Open windows by start, and the same by rising end. None of them is due. */
  readonly #byStart = new Map<number, Pane<K, Acc>>()
  readonly #byEnd: Pane<K, Acc>[] = []
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
  }

  get pending(): boolean {
    return this.#due.length > 0
  }

  /** Windows that hold state: open ones and those not emitted to the end. */
  get windows(): number {
    return this.#byEnd.length + this.#due.length
  }

  /** Accumulators held, over all windows. */
  get accumulators(): number {
    let accumulators = 0
    for (const pane of this.#byEnd) accumulators += pane.entries.length
    for (const pane of this.#due) accumulators += pane.entries.length
    return accumulators
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#late = context.side(LATE_TAG)
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
    const entry = pane.find(keyIdentity(key)) ?? pane.add(key, this.#context.keyHash, this.#aggregate.create())
    entry.accumulator = this.#aggregate.add(entry.accumulator, value)
  }

  onWatermark(watermarkMs: number, out: Output<Out>): void {
    this.#watermarkMs = watermarkMs
    let due = 0
    while (due < this.#byEnd.length && this.#byEnd[due]!.end - 1 <= watermarkMs) due++
    if (due > 0) {
      for (const pane of this.#byEnd.splice(0, due)) {
        this.#byStart.delete(pane.start)
        this.#due.push(pane)
      }
      this.#last = undefined
    }
    this.resume(out)
  }

  resume(out: Output<Out>): void {
    const due = this.#due
    let fired = 0
    for (; fired < due.length; fired++) {
      const { entries, window, end } = due[fired]!
      for (; this.#cursor < entries.length; this.#cursor++) {
        if (out.full) {
          due.splice(0, fired)
          return
        }
        const { key, accumulator } = entries[this.#cursor]!
        out.emit(this.#result(key, window, this.#aggregate.result(accumulator)), end - 1)
      }
      this.#cursor = 0
    }
    due.length = 0
  }

  /** The open window of a time, made if need be, or undefined when it has fired. */
  #paneOf(timeMs: number): Pane<K, Acc> | undefined {
    if (!(Math.abs(timeMs) <= Number.MAX_SAFE_INTEGER)) throw noTime(timeMs)
    const start = this.#assigner.startOf(timeMs)
    const open = this.#byStart.get(start)
    if (open !== undefined) return open
    const end = start + this.#assigner.sizeMs
    if (end - 1 <= this.#watermarkMs) return undefined
    const pane = new Pane<K, Acc>(start, end)
    this.#byStart.set(start, pane)
    // Nearly always the newest: search from the back.
    let place = this.#byEnd.length
    while (place > 0 && this.#byEnd[place - 1]!.end > end) place--
    this.#byEnd.splice(place, 0, pane)
    return pane
  }
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
