import type { Aggregate, Operator, OperatorContext, OperatorWaiting, Output } from "../contracts/index.ts"
import { copierOf, type Key, type StateTable, stateCodecOf } from "../state/index.ts"
import { Piece } from "../time/index.ts"
import { type AddToPane, compileAdd } from "./_compile-add.ts"
import type { Pane, PaneEntry } from "./_pane.ts"
import { PaneTable } from "./_pane-table.ts"
import { noTime, otherWindows } from "./_window-errors.ts"
import type { TimeWindow, WindowPane } from "./window.ts"

/** The side output to which late records go. */
export const LATE_TAG = "late"

/** Behind the description of windows: records in flight are others, and what is in time is known at another place. */
export const IN_TWO_PHASES = ", in two phases"

/** So many windows that have fired are let go together while others fire. */
const PURGE_FROM = 1_024

/** Windows that follow each other without overlap, the same for all keys. */
export interface AlignedWindows {
  /** The same text for the same windows: kept in snapshots. */
  readonly description: string
  /** The start of the window that holds a time: finite ms. */
  startOf(timeMs: number): number
  /** The end of the window that starts at `start`. */
  endOf(start: number): number
}

/** What is handed on for a key and window, e.g. `combined.windowed`. `window` is frozen and shared by its results. */
export type WindowResultOf<K, R, Out> = (key: K, window: TimeWindow, value: R, pane: WindowPane) => Out

export interface AlignedWindowOptions<In, K extends Key, Acc, R, Out> {
  readonly keyOf: (value: In) => K
  readonly assigner: AlignedWindows
  readonly aggregate: Aggregate<In, Acc, R>
  readonly result: WindowResultOf<K, R, Out>
  /** How long a window is kept for late records after it fired: ms, 0 when not given. */
  readonly latenessMs?: number
  /** Present in the second of two phases: the record that the first handed on as it was. */
  readonly recordOf?: (value: In) => unknown
}

/**
 * Aggregates the records of each key in windows of event time that do not overlap: tumbling ones, and those of the calendar.
 *
 * - A window fires when the watermark reaches its end - 1 ms, and its results carry that time (as in Flink). Results leave
 *   in the order of window ends, within a window in the order in which its keys first came, and while there is room
 *   downstream; the watermark is handed on after them. The end of input fires every window.
 * - A late record (end - 1 <= watermark) whose window is kept fires it again at once, with all that it holds. When the lateness
 *   has passed (end - 1 + lateness <= watermark) the record is counted, and handed to the side output "late" with its own
 *   time, never dropped in silence (WIN-4).
 * - A window that is not kept leaves nothing behind (WIN-5); where changes are tracked, until the next checkpoint.
 * - Firing is interrupted every few hundred results, for records and captures: `firing`.
 * - Checkpoints hold the windows and the watermark: after a restore the same records are late (WIN-7, FLINK-24501).
 *   Subtasks merge to the earliest watermark.
 *
 * @throws {EngineError} WINDOW_NO_TIME for a record without a usable event time; STATE_INCOMPATIBLE when the state of windows
 * of another size or offset is restored
 * State: by window, then by key, so that a window's keys need no timer each. O(open windows x keys) memory; per record a
 * comparison with the last window, one Map lookup and one `add`.
 */
export class AlignedWindowOperator<In, K extends Key, Acc, R, Out> implements Operator<In, Out> {
  readonly #keyOf: (value: In) => K
  readonly #assigner: AlignedWindows
  readonly #aggregate: Aggregate<In, Acc, R>
  readonly #result: WindowResultOf<K, R, Out>
  readonly #latenessMs: number
  readonly #recordOf: ((value: In) => unknown) | undefined
  readonly #copy: (accumulator: Acc) => Acc
  #context!: OperatorContext
  #add!: AddToPane<In, K, Acc>
  #late!: Output<unknown>
  #watermarkMs = Number.NEGATIVE_INFINITY
  readonly #panes: PaneTable<K, Acc>
  /** The open window that took the last record: the next one is most likely in it too. */
  #last: Pane<K, Acc> | undefined
  /** Windows of `#panes.due` before this one have fired; it has up to its cursor. */
  #fired = 0
  #piece!: Piece

  constructor(options: AlignedWindowOptions<In, K, Acc, R, Out>) {
    this.#keyOf = options.keyOf
    this.#assigner = options.assigner
    this.#aggregate = options.aggregate
    this.#result = options.result
    this.#latenessMs = options.latenessMs ?? 0
    this.#recordOf = options.recordOf
    this.#copy = copierOf(options.aggregate, "the aggregate")
    this.#panes = new PaneTable({
      endOf: (start) => this.#assigner.endOf(start),
      codec: stateCodecOf<Acc>(options.aggregate, "the aggregate"),
      keepsFired: this.#latenessMs > 0,
    })
  }

  get firing(): boolean {
    return this.#fired < this.#panes.due.length
  }

  waiting(): OperatorWaiting | undefined {
    const next = this.#panes.open[0]
    return next === undefined ? undefined : { what: "window", count: this.windows, nextMs: next.end - 1 }
  }

  /** Windows that hold state. */
  get windows(): number {
    return this.#panes.open.length + this.#panes.due.length
  }

  /** Accumulators held, over all windows. */
  get accumulators(): number {
    let accumulators = 0
    for (const pane of this.#panes.open) accumulators += pane.entries.length
    for (const pane of this.#panes.due) accumulators += pane.entries.length
    return accumulators
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#add = compileAdd({ context, keyOf: this.#keyOf, aggregate: this.#aggregate, panes: this.#panes })
    this.#late = context.side(LATE_TAG)
    this.#piece = new Piece(context)
    if (context.trackChanges === true) this.#panes.trackChanges()
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    let pane = this.#last
    if (pane === undefined || timeMs < pane.start || !(timeMs < pane.end)) {
      pane = this.#paneOf(timeMs)
      if (pane === undefined) {
        this.#context.count("late", 1)
        this.#late.emit(this.#recordOf === undefined ? value : this.#recordOf(value), timeMs)
        return
      }
      if (pane.end - 1 <= this.#watermarkMs) {
        this.#addLate(pane, value, out)
        return
      }
      this.#last = pane
    }
    this.#add(pane, value)
  }

  onWatermark(watermarkMs: number, out: Output<Out>): void {
    // A restored one is not taken back.
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
    if (this.#panes.takeDue(this.#watermarkMs) > 0) this.#last = undefined
    this.resume(out)
  }

  resume(out: Output<Out>): void {
    const { due } = this.#panes
    const piece = this.#piece
    for (piece.begin(); this.#fired < due.length; this.#fired++) {
      const pane = due[this.#fired]!
      const { entries } = pane
      for (; pane.cursor < entries.length; pane.cursor++) {
        const entry = entries[pane.cursor]!
        // Kept ones that fired before a restore.
        if (entry.firings > 0) continue
        if (piece.over || out.full) {
          this.#purge()
          return
        }
        this.#fire(pane, entry, pane.onTime(!this.#isKept(pane)), out)
      }
    }
    this.#purge()
  }

  tables(): readonly StateTable[] {
    return [this.#panes]
  }

  captureValue(): AlignedProgress {
    return { watermarkMs: this.#watermarkMs, windows: this.#description }
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly AlignedProgress[]
    for (const { windows } of former) if (windows !== this.#description) throw otherWindows(windows, this.#description)
    this.#watermarkMs = Math.min(...former.map(({ watermarkMs }) => watermarkMs))
    this.#panes.settle()
    this.#panes.takeDue(this.#watermarkMs)
    // Captured while they fired, or kept: those that have not fired do so now.
    const { due } = this.#panes
    while (this.firing && due[this.#fired]!.entries.every(({ firings }) => firings > 0)) this.#fired += 1
  }

  get #description(): string {
    const phases = this.#recordOf === undefined ? "" : IN_TWO_PHASES
    return `${this.#assigner.description}${this.#latenessMs > 0 ? ", kept for late records" : ""}${phases}`
  }

  /** The window is due and kept. What has not fired yet takes the record along when it does. */
  #addLate(pane: Pane<K, Acc>, value: In, out: Output<Out>): void {
    const entry = this.#add(pane, value)
    if (entry.firings === 0 && this.firing && pane.end >= this.#panes.due[this.#fired]!.end) return
    const { window } = pane
    this.#fire(pane, entry, { window, index: entry.firings, timing: "late", last: false, retraction: false }, out)
  }

  #fire(pane: Pane<K, Acc>, entry: PaneEntry<K, Acc>, info: WindowPane, out: Output<Out>): void {
    // The result may hold the accumulator itself, and then it belongs to whoever gets it.
    if (entry.epoch !== this.#panes.epoch) this.#panes.touch(pane, entry)
    const accumulator = this.#latenessMs > 0 ? this.#copy(entry.accumulator) : entry.accumulator
    entry.firings += 1
    out.emit(this.#result(entry.key, pane.window, this.#aggregate.result(accumulator), info), pane.end - 1)
  }

  #isKept(pane: Pane<K, Acc>): boolean {
    return pane.end - 1 + this.#latenessMs > this.#watermarkMs
  }

  /** Lets go of windows that have fired and are kept no longer. */
  #purge(): void {
    // In a burst not after each piece: taking them out of a long list moves all the others.
    if (this.firing && this.#fired < PURGE_FROM) return
    const { due } = this.#panes
    let gone = 0
    while (gone < this.#fired && !this.#isKept(due[gone]!)) gone++
    if (gone === 0) return
    this.#panes.purge(gone)
    this.#fired -= gone
  }

  /** The window of a time, made if need be, or undefined when it is no longer kept. */
  #paneOf(timeMs: number): Pane<K, Acc> | undefined {
    if (!(Math.abs(timeMs) <= Number.MAX_SAFE_INTEGER)) throw noTime(timeMs)
    const start = this.#assigner.startOf(timeMs)
    const held = this.#panes.find(start)
    const end = held?.end ?? this.#assigner.endOf(start)
    if (end - 1 > this.#watermarkMs) return held ?? this.#panes.add(start)
    if (end - 1 + this.#latenessMs <= this.#watermarkMs) return undefined
    if (held !== undefined) return held
    // It takes its turn when those that end before it have not all fired yet; else it has had it.
    if (!this.firing || end < this.#panes.due[this.#fired]!.end) this.#fired += 1
    return this.#panes.addFired(start)
  }
}

/** What a snapshot holds beside the windows. */
interface AlignedProgress {
  readonly watermarkMs: number
  readonly windows: string
}
