import type { Aggregate, Operator, OperatorContext, OperatorWaiting, Output } from "../contracts/index.ts"
import { copierOf, type Key, keyIdentity, type StateTable, stateCodecOf } from "../state/index.ts"
import { Piece } from "../time/index.ts"
import { type Merging, placeOf, type Retracting } from "./_combination.ts"
import { RunningTotal } from "./_running-total.ts"
import type { SliceKey } from "./_slice-key.ts"
import { type Pass, SliceTable } from "./_slice-table.ts"
import { TwoStacks } from "./_two-stacks.ts"
import { noTime, otherWindows } from "./_window-errors.ts"
import { IN_TWO_PHASES, LATE_TAG, type WindowResultOf } from "./aligned-window-operator.ts"
import type { SlicedWindows } from "./sliced-windows.ts"
import type { PaneTiming, TimeWindow } from "./window.ts"

export interface SliceWindowOptions<In, K extends Key, Acc, R, Out> {
  readonly keyOf: (value: In) => K
  readonly assigner: SlicedWindows
  readonly aggregate: Aggregate<In, Acc, R>
  readonly result: WindowResultOf<K, R, Out>
  /** How long after a window fired late records may fire it again: ms, 0 when not given. */
  readonly latenessMs?: number
  /** Present in the second of two phases: the record that the first handed on as it was. */
  readonly recordOf?: (value: In) => unknown
}

/** What one call may do, beside the time it may take: looks at keys, results, merges. */
const BUDGET = 4_096
const COST_OF_RESULT = 16
const COST_OF_MERGE = 3
/** Up to so many slices are combined anew for every window. */
const FEW_SLICES = 6
/** Beside a result while a capture runs: slices that go are handed over. */
const COST_OF_CAPTURE = 112

/**
 * Aggregates the records of each key in windows of event time that overlap, and share their slices: a record is added once,
 * however many windows it is in.
 *
 * - Fires, is late, and is interrupted as AlignedWindowOperator. A record is late when the last window that holds it is over;
 *   when only some are, it counts in the others. Within the lateness it fires at once every window that is over and holds it.
 * - Results are the same as if each window were evaluated by itself (WIN-6): a slice is taken out of a total again only where the
 *   aggregate can do so exactly; else slices are merged, never subtracted. (Sums of fractions may differ in their last digits.)
 *
 * State: per key its slices; O(slices with records) memory, and as much again for the stacks of aggregates that cannot retract. Per
 * record one Map lookup and one `add`; per result two merges, amortised, or a merge and a retraction, whatever the size over the slide.
 */
export class SliceWindowOperator<In, K extends Key, Acc, R, Out> implements Operator<In, Out> {
  readonly #keyOf: (value: In) => K
  readonly #assigner: SlicedWindows
  readonly #aggregate: Aggregate<In, Acc, R>
  readonly #result: WindowResultOf<K, R, Out>
  readonly #latenessMs: number
  readonly #recordOf: ((value: In) => unknown) | undefined
  readonly #merging: Merging<Acc>
  readonly #retracting: Retracting<Acc> | undefined
  readonly #table: SliceTable<K, Acc>
  #context!: OperatorContext
  #late!: Output<unknown>
  #piece!: Piece
  #watermarkMs = Number.NEGATIVE_INFINITY
  /** The pass under way fires the windows that end here, and lets go of slices. undefined between passes. */
  #passEnd: number | undefined
  #window: TimeWindow = { start: 0, end: 0 }
  #cursor = 0
  /** Every key has fired its windows up to this end. */
  #firedTo = Number.NEGATIVE_INFINITY
  /** The end of the next pass, as far as it is known: no key has anything to do before. */
  #following = Number.POSITIVE_INFINITY
  /** The slice that took the last record, [start, end). */
  #slice = Number.NaN
  #sliceEnd = Number.NaN

  constructor(options: SliceWindowOptions<In, K, Acc, R, Out>) {
    const { aggregate } = options
    this.#keyOf = options.keyOf
    this.#assigner = options.assigner
    this.#aggregate = aggregate
    this.#result = options.result
    this.#latenessMs = options.latenessMs ?? 0
    this.#recordOf = options.recordOf
    this.#merging = {
      merge: (left, right) => aggregate.merge(left, right),
      copy: copierOf(aggregate, "the aggregate"),
    }
    if (aggregate.retract !== undefined) {
      this.#retracting = {
        ...this.#merging,
        retract: (left, merged) => aggregate.retract!(left, merged),
        retractsExactly: (accumulator) => aggregate.retractsExactly?.(accumulator) ?? true,
      }
    }
    this.#table = new SliceTable<K, Acc>({
      codec: stateCodecOf<Acc>(aggregate, "the aggregate"),
      pass: () => this.#pass(),
    })
  }

  get firing(): boolean {
    return this.#passEnd !== undefined || this.#isDue(this.#following) || this.#table.isSparse
  }

  waiting(): OperatorWaiting | undefined {
    let nextEnd = Number.POSITIVE_INFINITY
    let count = 0
    for (const of of this.#table.keys) {
      if (of.gone || of.nextEnd === Number.POSITIVE_INFINITY) continue
      count += 1
      if (of.nextEnd < nextEnd) nextEnd = of.nextEnd
    }
    return count === 0 ? undefined : { what: "window", count, nextMs: nextEnd - 1 }
  }

  /** Keys that hold slices. */
  get keys(): number {
    return this.#table.size
  }

  /** Accumulators held, over all keys: slices, not what is derived of them. */
  get accumulators(): number {
    let accumulators = 0
    for (const { slices, head } of this.#table.keys) accumulators += slices.length - head
    return accumulators
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#late = context.side(LATE_TAG)
    this.#piece = new Piece(context)
    if (context.trackChanges === true) this.#table.trackChanges()
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    if (!(timeMs >= this.#slice && timeMs < this.#sliceEnd) && !this.#enterSlice(timeMs)) {
      this.#context.count("late", 1)
      this.#late.emit(this.#recordOf === undefined ? value : this.#recordOf(value), timeMs)
      return
    }
    const start = this.#slice
    const key = this.#keyOf(value)
    const identity = keyIdentity(key)
    const { keyHash } = this.#context
    const table = this.#table
    const of = table.find(identity, keyHash) ?? table.addKey(key, identity, keyHash)
    const { slices } = of
    let slice = slices.at(-1)
    if (slice === undefined || slice.start !== start) {
      const place = placeOf(slices, start)
      slice = slices[place]
      // A window that is over and holds this slice has fired for the key if it held anything.
      const late = this.#firstEndAfter(start, this.#watermarkMs) > this.#assigner.firstEndOf(start)
      const fired = late ? this.#firedWindows(of, start) : undefined
      const isNew = slice === undefined || slice.start !== start
      if (slice === undefined || isNew) {
        slice = table.addSlice(of, place, start, this.#aggregate.create())
        this.#plan(of, start)
      }
      this.#addTo(of, slice, isNew, value)
      if (fired !== undefined) this.#fireLate(of, fired, out)
      return
    }
    if (this.#latenessMs > 0 && this.#assigner.firstEndOf(start) - 1 <= this.#watermarkMs) {
      const fired = this.#firedWindows(of, start)
      this.#addTo(of, slice, false, value)
      this.#fireLate(of, fired, out)
      return
    }
    this.#addTo(of, slice, false, value)
  }

  onWatermark(watermarkMs: number, out: Output<Out>): void {
    // A restored one is not taken back.
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
    this.#slice = Number.NaN
    this.resume(out)
  }

  resume(out: Output<Out>): void {
    const table = this.#table
    const piece = this.#piece
    piece.begin()
    let left = BUDGET
    for (;;) {
      if (this.#passEnd === undefined && table.isSparse) {
        // The pass before may have cost more than was left.
        if (left > 0) table.compact(left)
        return
      }
      if (!this.#nextPass()) return
      const { keys } = table
      for (; this.#cursor < keys.length; this.#cursor++) {
        if (left <= 0) return
        left -= 1
        const of = keys[this.#cursor]!
        if (of.gone) continue
        if (of.next <= this.#passEnd!) {
          if (out.full || piece.over) return
          left -= this.#advance(of, this.#passEnd!, out)
        }
        const { next } = of
        if (!of.gone && next < this.#following) this.#following = next
      }
      this.#firedTo = this.#passEnd!
      this.#passEnd = undefined
    }
  }

  tables(): readonly StateTable[] {
    return [this.#table]
  }

  captureValue(): SliceProgress {
    return { watermarkMs: this.#watermarkMs, firedTo: this.#pass()?.firedTo ?? null, windows: this.#description }
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly SliceProgress[]
    for (const { windows } of former) if (windows !== this.#description) throw otherWindows(windows, this.#description)
    this.#watermarkMs = Math.min(...former.map(({ watermarkMs }) => watermarkMs))
    // What was not firing had fired all that its watermark allows. One may have been behind another, whose keys are here too.
    const firedTo = former.map((each) => each.firedTo ?? each.watermarkMs + 1)
    this.#firedTo = Math.min(...firedTo)
    this.#table.settle()
    for (const of of this.#table.keys) {
      // Kept for the next snapshot, which may be taken before this subtask has got as far as that one had.
      of.firedTo = Math.max(firedTo[of.former]!, of.firedTo)
      of.nextEnd = this.#nextEndAfter(of, of.firedTo)
      of.expiry = this.#expiryOf(of)
      if (of.next < this.#following) this.#following = of.next
    }
  }

  get #description(): string {
    return this.#recordOf === undefined ? this.#assigner.description : `${this.#assigner.description}${IN_TWO_PHASES}`
  }

  #pass(): Pass | undefined {
    if (this.#passEnd === undefined && !this.#isDue(this.#following)) return undefined
    const end = this.#passEnd ?? this.#firedTo
    return { end, cursor: this.#passEnd === undefined ? 0 : this.#cursor, firedTo: this.#firedTo }
  }

  #isDue(end: number): boolean {
    return end - 1 <= this.#watermarkMs && end < Number.POSITIVE_INFINITY
  }

  /** Goes on with a pass, or begins the next one that is due. @returns false when there is none */
  #nextPass(): boolean {
    if (this.#passEnd !== undefined) return true
    if (!this.#isDue(this.#following)) {
      // Windows without records have fired in a way, too.
      if (this.#watermarkMs + 1 > this.#firedTo) this.#firedTo = this.#watermarkMs + 1
      return false
    }
    this.#passEnd = this.#following
    this.#following = Number.POSITIVE_INFINITY
    this.#cursor = 0
    this.#window = Object.freeze({ start: this.#assigner.startOf(this.#passEnd), end: this.#passEnd })
    return true
  }

  /** Fires the window that ends at `end` for a key, and lets go of slices. @returns the cost */
  #advance(of: SliceKey<K, Acc>, end: number, out: Output<Out>): number {
    let cost = COST_OF_RESULT + (this.#table.capturing ? COST_OF_CAPTURE : 0)
    if (of.nextEnd === end) {
      const { start } = this.#window
      const first = placeOf(of.slices, start)
      let accumulator: Acc
      if (of.combination === undefined && placeOf(of.slices, end) - first <= FEW_SLICES) {
        accumulator = this.#combineFew(of, first, end)
      } else {
        of.combination ??=
          this.#retracting === undefined ? new TwoStacks(this.#merging) : new RunningTotal(this.#retracting)
        let before = of.combination.work
        let combined = of.combination.query(of.slices, first, start, end)
        if (combined === undefined) {
          const stacks = new TwoStacks(this.#merging)
          of.combination = stacks
          before = 0
          combined = stacks.query(of.slices, first, start, end)
        }
        accumulator = combined
        cost += COST_OF_MERGE * (of.combination.work - before)
      }
      this.#emit(of, this.#window, accumulator, "on-time", 0, out)
      of.nextEnd = this.#nextEndAfter(of, end)
    }
    if (of.expiry <= end) this.#expire(of, end)
    return cost
  }

  /** A window of so few slices is put together as fast as it is looked up, and most keys have few records. */
  #combineFew(of: SliceKey<K, Acc>, first: number, end: number): Acc {
    const { merge, copy } = this.#merging
    let sum = copy(of.slices[first]!.accumulator)
    for (let index = first + 1; index < of.slices.length && of.slices[index]!.start < end; index++) {
      sum = merge(sum, copy(of.slices[index]!.accumulator))
    }
    return sum
  }

  #expire(of: SliceKey<K, Acc>, end: number): void {
    let last = of.head
    while (last < of.slices.length && this.#assigner.lastEndOf(of.slices[last]!.start) + this.#latenessMs <= end) last++
    // The next slice begins later than the last that goes, and may not have come yet.
    if (last > of.head && of.combination?.leave(of.slices, of.slices[last - 1]!.start + 1) === false) {
      of.combination = undefined
    }
    this.#table.removeSlices(of, last - of.head)
    of.expiry = this.#expiryOf(of)
    if (of.firings === undefined) return
    this.#table.touchKey(of)
    for (const fired of of.firings.keys()) if (fired + this.#latenessMs <= end) of.firings.delete(fired)
    if (of.firings.size === 0) of.firings = undefined
  }

  #addTo(of: SliceKey<K, Acc>, slice: (typeof of.slices)[number], isNew: boolean, value: In): void {
    const table = this.#table
    if (slice.epoch !== table.epoch) table.touch(of, slice)
    if (of.combination === undefined) {
      slice.accumulator = this.#aggregate.add(slice.accumulator, value)
    } else if (!of.combination.add(slice, isNew, (accumulator) => this.#aggregate.add(accumulator, value))) {
      of.combination = undefined
    }
  }

  /** Windows that are over and kept, hold the slice, and do not wait to be fired: with how often each has fired. */
  #firedWindows(of: SliceKey<K, Acc>, slice: number): { readonly end: number; readonly index: number }[] {
    if (this.#latenessMs === 0) return []
    const last = Math.min(this.#assigner.lastEndOf(slice), this.#watermarkMs + 1)
    const fired: { end: number; index: number }[] = []
    for (
      let end = this.#firstEndAfter(slice, this.#watermarkMs - this.#latenessMs);
      end <= last && end < of.nextEnd;
      end += this.#assigner.stepMs
    ) {
      const first = of.slices[placeOf(of.slices, this.#assigner.startOf(end))]
      const held = first !== undefined && first.start < end
      fired.push({ end, index: of.firings?.get(end) ?? (held ? 1 : 0) })
    }
    return fired
  }

  #fireLate(
    of: SliceKey<K, Acc>,
    fired: readonly { readonly end: number; readonly index: number }[],
    out: Output<Out>,
  ): void {
    if (fired.length === 0) return
    this.#table.touchKey(of)
    of.firings ??= new Map()
    const stacks = new TwoStacks(this.#merging)
    for (const { end, index } of fired) {
      const start = this.#assigner.startOf(end)
      of.firings.set(end, index + 1)
      const accumulator = stacks.query(of.slices, placeOf(of.slices, start), start, end)
      this.#emit(of, Object.freeze({ start, end }), accumulator, "late", index, out)
    }
  }

  #emit(
    of: SliceKey<K, Acc>,
    window: TimeWindow,
    accumulator: Acc,
    timing: PaneTiming,
    index: number,
    out: Output<Out>,
  ): void {
    const last = timing === "on-time" && window.end - 1 + this.#latenessMs <= this.#watermarkMs
    const pane = { window, index, timing, last, retraction: false }
    out.emit(this.#result(of.key, window, this.#aggregate.result(accumulator), pane), window.end - 1)
  }

  /** The first window with records of the key that ends after `end`. */
  #nextEndAfter(of: SliceKey<K, Acc>, end: number): number {
    const { slices, oldest } = of
    if (oldest === undefined) return Number.POSITIVE_INFINITY
    const next = this.#firstEndAfter(oldest.start, end - 1)
    const first = slices[placeOf(slices, this.#assigner.startOf(next))]
    if (first === undefined) return Number.POSITIVE_INFINITY
    return first.start < next ? next : this.#assigner.firstEndOf(first.start)
  }

  /** The first end from that of the slice's first window on that has not come at a watermark: end - 1 > watermark. */
  #firstEndAfter(slice: number, watermarkMs: number): number {
    const first = this.#assigner.firstEndOf(slice)
    if (first - 1 > watermarkMs) return first
    const { stepMs } = this.#assigner
    return first + (Math.floor((watermarkMs + 1 - first) / stepMs) + 1) * stepMs
  }

  #expiryOf(of: SliceKey<K, Acc>): number {
    const { oldest } = of
    return oldest === undefined ? Number.POSITIVE_INFINITY : this.#assigner.lastEndOf(oldest.start) + this.#latenessMs
  }

  /** A slice is new: when does its key have something to do? */
  #plan(of: SliceKey<K, Acc>, slice: number): void {
    const end = this.#firstEndAfter(slice, this.#watermarkMs)
    if (end < of.nextEnd && end <= this.#assigner.lastEndOf(slice)) of.nextEnd = end
    const expiry = this.#assigner.lastEndOf(slice) + this.#latenessMs
    if (expiry < of.expiry) of.expiry = expiry
    if (of.next < this.#following) this.#following = of.next
  }

  /** The slice of a time, unless the last of its windows is over and not kept. */
  #enterSlice(timeMs: number): boolean {
    if (!(Math.abs(timeMs) <= Number.MAX_SAFE_INTEGER)) throw noTime(timeMs)
    const slice = this.#assigner.sliceOf(timeMs)
    if (this.#assigner.lastEndOf(slice) - 1 + this.#latenessMs <= this.#watermarkMs) return false
    this.#slice = slice
    this.#sliceEnd = this.#assigner.sliceEndOf(slice)
    return true
  }
}

/** What a snapshot holds beside the slices. */
interface SliceProgress {
  readonly watermarkMs: number
  /** While firing: the last window that all keys have fired. */
  readonly firedTo: number | null
  readonly windows: string
}
