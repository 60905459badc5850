import type { Aggregate, Operator, OperatorContext, OperatorWaiting, Output } from "../contracts/index.ts"
import {
  copierOf,
  type Key,
  type KeyedStore,
  keyIdentity,
  type StateTable,
  stateCodecOf,
  TimerTable,
} from "../state/index.ts"
import { Piece, TimerQueue } from "../time/index.ts"
import {
  addTime,
  insertWindow,
  type KeyWindow,
  type KeyWindows,
  keyWindowsCodec,
  NONE,
  newKeyWindow,
  removeTime,
  removeWindow,
} from "./_key-windows.ts"
import { noTime, otherWindows } from "./_window-errors.ts"
import { LATE_TAG, type WindowResultOf } from "./aligned-window-operator.ts"
import type { CountWindows } from "./count-windows.ts"
import type { Evictor, WindowRecord } from "./evictor.ts"
import type { GlobalWindows } from "./global-windows.ts"
import type { SessionWindows } from "./session-windows.ts"
import { fires, purges, type Trigger, type TriggerAnswer, type TriggerContext } from "./trigger.ts"
import type { PaneTiming, TimeDomain, TimeWindow, WindowPane } from "./window.ts"

/** What becomes of a window's content when it has fired: it stays, it goes, or it stays and what was said before is taken back. */
export type PaneMode = "accumulating" | "discarding" | "retracting"

/** Windows that are cut in time, the same for all keys; they may overlap. */
export interface TimedWindows {
  readonly kind: "tumbling" | "sliding" | "cumulative" | "calendar"
  readonly time: TimeDomain
  readonly description: string
  /** All windows that hold a time. */
  windowsOf(timeMs: number): TimeWindow[]
}

/** What is made of a window's records. */
export type WindowContent<In, K, Acc, R, Out> =
  | {
      readonly kind: "aggregate"
      readonly aggregate: Aggregate<In, Acc, R>
      readonly result: WindowResultOf<K, R, Out>
    }
  | { readonly kind: "process"; readonly process: (records: readonly In[], pane: WindowPane, key: K) => Iterable<Out> }

export interface PaneWindowOptions<In, K extends Key, Acc, R, Out> {
  readonly keyOf: (value: In) => K
  readonly assigner: TimedWindows | SessionWindows<In> | CountWindows | GlobalWindows
  readonly content: WindowContent<In, K, Acc, R, Out>
  readonly trigger: Trigger<In>
  readonly evictor?: Evictor<In> | undefined
  readonly panes?: PaneMode
  readonly latenessMs?: number
}

const END = Number.POSITIVE_INFINITY

/**
 * Windows of every kind, one by one per key: sessions, count and global windows, triggers, evictors, panes, whole windows.
 *
 * - A record goes to every window of it that is not over (end - 1 + lateness > watermark), late when there is none. Sessions that
 *   touch merge first: contents, times, trigger states, pane numbers (WIN-3).
 * - The trigger says when the content leaves. When a window goes, what has not left does so as its last pane, so nothing is dropped
 *   in silence: with the lateness in event time, at its end in processing time, at the end of input in any case. A record that a
 *   trigger purges without firing is counted as skipped.
 * - Results carry end - 1, those of sessions their end; those of count and global windows the newest time of their records. Due windows leave in the order of
 *   time, of one time in that in which their keys asked; firing is interrupted about every millisecond (`firing`).
 *
 * @throws {EngineError} WINDOW_NO_TIME; WINDOW_GAP_INVALID; STATE_INCOMPATIBLE when the state of other windows is restored
 * State: per key one value in the store "windows", O(windows) or O(records); at most one timer of each kind. A timer may wake a key
 * too early, never too late: it asks again. Per record a get and a set of the store, and O(open windows of the key); of sessions
 * that their ends fire O(log sessions), and so much to fire one.
 */
export class PaneWindowOperator<In, K extends Key, Acc, R, Out> implements Operator<In, Out> {
  readonly #keyOf: (value: In) => K
  readonly #assigner: PaneWindowOptions<In, K, Acc, R, Out>["assigner"]
  readonly #content: WindowContent<In, K, Acc, R, Out>
  readonly #trigger: Trigger<In>
  readonly #evictor: Evictor<In> | undefined
  readonly #mode: PaneMode
  readonly #latenessMs: number
  readonly #keepsRecords: boolean
  /** No window needs a timer before its last millisecond, nor one of the clock: the first windows of a key say when it is to be woken. */
  readonly #wakesAtEnds: boolean
  readonly #copy: (accumulator: Acc) => Acc
  readonly #eventTimers = new TimerQueue<K>(keyIdentity)
  readonly #processingTimers = new TimerQueue<K>(keyIdentity)
  readonly #tables: readonly StateTable[]
  readonly #at: At
  readonly #description: string
  #context!: OperatorContext
  #piece!: Piece
  #store!: KeyedStore<KeyWindows<In, Acc>>
  #late!: Output<unknown>
  #watermarkMs = Number.NEGATIVE_INFINITY
  #sweeping = false
  #alarmed = false
  #nowMs = Number.NEGATIVE_INFINITY

  constructor(options: PaneWindowOptions<In, K, Acc, R, Out>) {
    const { assigner, content, trigger, evictor } = options
    this.#keyOf = options.keyOf
    this.#assigner = assigner
    this.#content = content
    this.#trigger = trigger
    this.#evictor = evictor
    this.#mode = options.panes ?? "accumulating"
    this.#latenessMs =
      assigner.time === "event" && assigner.kind !== "count" && assigner.kind !== "global"
        ? (options.latenessMs ?? 0)
        : 0
    this.#wakesAtEnds = assigner.time === "event" && trigger.asksOnlyForEnd === true
    this.#keepsRecords =
      content.kind === "process" ||
      evictor !== undefined ||
      (assigner.kind === "count" && assigner.slide < assigner.size)
    this.#copy =
      content.kind === "aggregate" ? copierOf(content.aggregate, "the aggregate") : (accumulator) => accumulator
    this.#tables = [new TimerTable(this.#eventTimers), new TimerTable(this.#processingTimers, "$processingTimers")]
    this.#at = new At()
    const by = evictor === undefined ? "" : `, evicting ${evictor.description}`
    this.#description = `${assigner.description}, ${content.kind}, ${this.#mode}, fired by ${trigger.description}${by}`
  }

  get firing(): boolean {
    return this.#sweeping || this.#alarmed
  }

  /** Counts keys: which windows of theirs come first is theirs. */
  waiting(): OperatorWaiting | undefined {
    const [event, processing] = [this.#eventTimers, this.#processingTimers]
    if (this.timers === 0) return undefined
    return {
      what: "window",
      count: this.timers,
      ...(event.size === 0 ? {} : { nextMs: event.nextMs }),
      ...(processing.size === 0 ? {} : { nextProcessingMs: processing.nextMs }),
    }
  }

  /** Timers that wait: at most one of each kind per key. */
  get timers(): number {
    return this.#eventTimers.size + this.#processingTimers.size
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#at.context = context
    this.#piece = new Piece(context)
    this.#late = context.side(LATE_TAG)
    const content = this.#content
    const codec = content.kind === "aggregate" ? stateCodecOf<Acc>(content.aggregate, "the aggregate") : undefined
    this.#store = context.keyedStore("windows", keyWindowsCodec<In, Acc>(codec))
    if (context.trackChanges === true) {
      this.#eventTimers.trackChanges()
      this.#processingTimers.trackChanges()
    }
  }

  onRecord(value: In, timeMs: number, out: Output<Out>): void {
    const key = this.#keyOf(value)
    const { keyHash } = this.#context
    this.#at.watermarkMs = this.#watermarkMs
    const of: KeyWindows<In, Acc> = this.#store.get(key, keyHash) ?? {
      windows: [],
      gone: 0,
      armedEventTime: null,
      armedProcessingTime: null,
    }
    // In the middle of a burst: what this key is due to say comes before what the record changes.
    if (this.#sweeping) this.#catchUp(of, key, out)
    const assigner = this.#assigner
    const added =
      assigner.kind === "session"
        ? this.#addToSession(of, key, value, timeMs, assigner, out)
        : assigner.kind === "count" || assigner.kind === "global"
          ? this.#addToOne(of, key, value, timeMs, out)
          : this.#addToTimed(of, key, value, timeMs, assigner, out)
    if (!added) {
      this.#context.count("late", 1)
      this.#late.emit(value, timeMs)
    }
    this.#put(of, key, keyHash)
  }

  onWatermark(watermarkMs: number, out: Output<Out>): void {
    // A restored one is not taken back.
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
    this.#sweeping = true
    this.resume(out)
  }

  onAlarm(nowMs: number, out: Output<Out>): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs
    this.#alarmed = true
    this.resume(out)
  }

  resume(out: Output<Out>): void {
    this.#at.watermarkMs = this.#watermarkMs
    this.#piece.begin()
    for (;;) {
      if (out.full || this.#piece.over) return
      if (this.#sweeping) {
        const timer = this.#eventTimers.nextDue(this.#watermarkMs)
        if (timer !== undefined) {
          this.#wake(timer.key, timer.keyHash, timer.timeMs, "event", out)
          continue
        }
        this.#sweeping = false
      }
      if (this.#alarmed) {
        const timer = this.#processingTimers.nextDue(this.#nowMs)
        if (timer !== undefined) {
          this.#wake(timer.key, timer.keyHash, timer.timeMs, "processing", out)
          continue
        }
        this.#alarmed = false
      }
      this.#context.setAlarm(this.#processingTimers.nextMs)
      return
    }
  }

  tables(): readonly StateTable[] {
    return this.#tables
  }

  captureValue(): PaneProgress {
    return { watermarkMs: this.#watermarkMs, sweeping: this.#sweeping, windows: this.#description }
  }

  restoreValue(values: readonly unknown[]): void {
    const former = values as readonly PaneProgress[]
    for (const { windows } of former) if (windows !== this.#description) throw otherWindows(windows, this.#description)
    this.#watermarkMs = Math.min(...former.map(({ watermarkMs }) => watermarkMs))
    this.#sweeping = former.some(({ sweeping }) => sweeping)
    this.#context.setAlarm(this.#processingTimers.nextMs)
  }

  #addToTimed(
    of: KeyWindows<In, Acc>,
    key: K,
    value: In,
    timeMs: number,
    assigner: TimedWindows,
    out: Output<Out>,
  ): boolean {
    let added = false
    for (const { start, end } of assigner.windowsOf(this.#timeOf(timeMs, assigner))) {
      if (assigner.time === "event" && end - 1 + this.#latenessMs <= this.#watermarkMs) continue
      added = true
      let window = of.windows.find((each, at) => at >= of.gone && each.end === end && each.start === start)
      if (window === undefined) {
        window = newKeyWindow<In, Acc>(start, end, this.#trigger.create(), this.#keepsRecords)
        insertByEnd(of, window)
      }
      this.#add(of, key, window, value, timeMs, out)
    }
    return added
  }

  #addToSession(
    of: KeyWindows<In, Acc>,
    key: K,
    value: In,
    timeMs: number,
    assigner: SessionWindows<In>,
    out: Output<Out>,
  ): boolean {
    const start = this.#timeOf(timeMs, assigner)
    // A record at the very end of a session belongs to it, so the session is over when that has passed: one ms is added here,
    // and taken off where the window is shown. (Flink's fires one ms earlier, so that the result depends on the watermark.)
    const end = start + assigner.gapOf(value) + 1
    const { windows } = of
    const first = firstEndingAfter(of, start)
    let window = windows[first]
    if (window === undefined || window.start >= end) {
      if (assigner.time === "event" && end - 1 + this.#latenessMs <= this.#watermarkMs) return false
      window = newKeyWindow<In, Acc>(start, end, this.#trigger.create(), this.#keepsRecords)
      insertWindow(of, first, window)
    } else {
      const formerEnd = window.end
      let next = first + 1
      for (; next < windows.length && windows[next]!.start < end; next++) this.#merge(window, windows[next]!)
      const merged = next - first - 1
      if (merged > 0) windows.splice(first + 1, merged)
      window.start = Math.min(window.start, start)
      window.end = Math.max(window.end, end)
      if (merged > 0 || window.end !== formerEnd) {
        // It is to be on time once more.
        if (window.end - 1 > this.#now()) window.wasOnTime = false
        this.#trigger.onResize?.(window.trigger, this.#at.enter(window))
      }
    }
    this.#add(of, key, window, value, timeMs, out)
    return true
  }

  /** The one window of a key: of so many records, or for all time. */
  #addToOne(of: KeyWindows<In, Acc>, key: K, value: In, timeMs: number, out: Output<Out>): boolean {
    let window = of.windows[0]
    if (window === undefined) {
      window = newKeyWindow<In, Acc>(Number.NEGATIVE_INFINITY, END, this.#trigger.create(), this.#keepsRecords)
      insertWindow(of, 0, window)
    }
    this.#add(of, key, window, value, timeMs, out)
    return true
  }

  #add(of: KeyWindows<In, Acc>, key: K, window: KeyWindow<In, Acc>, value: In, timeMs: number, out: Output<Out>): void {
    const content = this.#content
    if (window.records !== undefined) window.records.push({ value, timeMs })
    else if (content.kind === "aggregate") {
      const { aggregate } = content
      window.accumulator = aggregate.add(window.size === 0 ? aggregate.create() : (window.accumulator as Acc), value)
    }
    window.size += 1
    window.unfired += 1
    if (timeMs > window.newestMs) window.newestMs = timeMs
    if (timeMs < window.oldestMs) window.oldestMs = timeMs
    if (this.#trigger.finished?.(window.trigger) === true) return
    const answer = this.#trigger.onRecord(value, timeMs, window.trigger, this.#at.enter(window))
    const nowMs = this.#now()
    const over = this.#assigner.time === "event" && nowMs >= window.end - 1
    this.#follow(of, key, window, answer, over ? "late" : this.#timingOf(window, nowMs), out)
  }

  #merge(into: KeyWindow<In, Acc>, other: KeyWindow<In, Acc>): void {
    const content = this.#content
    into.start = Math.min(into.start, other.start)
    into.end = Math.max(into.end, other.end)
    if (into.records !== undefined) into.records.push(...other.records!)
    else if (content.kind === "aggregate" && other.size > 0) {
      into.accumulator =
        into.size === 0 ? other.accumulator : content.aggregate.merge(into.accumulator as Acc, other.accumulator as Acc)
    }
    into.size += other.size
    into.unfired += other.unfired
    into.panes = Math.max(into.panes, other.panes)
    into.newestMs = Math.max(into.newestMs, other.newestMs)
    into.oldestMs = Math.min(into.oldestMs, other.oldestMs)
    if (other.former.length > 0) into.former = [...into.former, ...other.former]
    into.wasOnTime ||= other.wasOnTime
    for (const timeMs of other.eventTimes) into.eventTimes = addTime(into.eventTimes, timeMs)
    for (const timeMs of other.processingTimes) into.processingTimes = addTime(into.processingTimes, timeMs)
    into.trigger = this.#trigger.merge!(into.trigger, other.trigger, this.#at.enter(into))
  }

  /** A timer of the key has come. */
  #wake(key: K, keyHash: number, timeMs: number, domain: TimeDomain, out: Output<Out>): void {
    const of = this.#store.get(key, keyHash)
    if (of === undefined) return
    if (domain === "event") of.armedEventTime = null
    else of.armedProcessingTime = null
    this.#fireAllDue(of, key, timeMs, domain, out)
    this.#put(of, key, keyHash)
  }

  /** As `#wake`, for all that is due in event time. */
  #catchUp(of: KeyWindows<In, Acc>, key: K, out: Output<Out>): void {
    for (;;) {
      const timeMs = this.#nextEventTime(of)
      if (timeMs === null || timeMs > this.#watermarkMs) return
      this.#fireAllDue(of, key, timeMs, "event", out)
    }
  }

  #fireAllDue(of: KeyWindows<In, Acc>, key: K, timeMs: number, domain: TimeDomain, out: Output<Out>): void {
    const { windows } = of
    // Counted from the first that is not gone.
    for (let at = 0; of.gone + at < windows.length; ) {
      const window = windows[of.gone + at]!
      if (this.#wakesAtEnds && window.end - 1 > timeMs) return
      this.#fireDue(of, key, window, timeMs, domain, out)
      if (windows[of.gone + at] === window) at++
    }
  }

  #fireDue(
    of: KeyWindows<In, Acc>,
    key: K,
    window: KeyWindow<In, Acc>,
    timeMs: number,
    domain: TimeDomain,
    out: Output<Out>,
  ): void {
    const times = (): number[] => (domain === "event" ? window.eventTimes : window.processingTimes)
    const trigger = this.#trigger
    const nowIs = (dueMs: number): number => (this.#assigner.time === domain ? dueMs : this.#now())
    // The trigger may ask for more, which may make it another list.
    while (times().length > 0 && times()[0]! <= timeMs) {
      const dueMs = times().shift()!
      if (trigger.finished?.(window.trigger) === true) continue
      const context = this.#at.enter(window)
      const answer =
        (domain === "event"
          ? trigger.onEventTime?.(dueMs, window.trigger, context)
          : trigger.onProcessingTime?.(dueMs, window.trigger, context)) ?? "continue"
      this.#follow(of, key, window, answer, this.#timingOf(window, nowIs(dueMs)), out)
    }
    if (!(this.#goesAt(window, domain) <= timeMs)) return
    if (window.unfired > 0) this.#fire(key, window, this.#timingOf(window, nowIs(timeMs)), true, out)
    removeWindow(of, window)
  }

  #follow(
    of: KeyWindows<In, Acc>,
    key: K,
    window: KeyWindow<In, Acc>,
    answer: TriggerAnswer,
    timing: PaneTiming,
    out: Output<Out>,
  ): void {
    if (answer === "continue") return
    const assigner = this.#assigner
    const tumblesByCount = assigner.kind === "count" && assigner.slide === assigner.size
    if (fires(answer)) {
      const over = timing !== "early" && this.#isLast(window)
      this.#fire(key, window, timing, tumblesByCount || (over && assigner.kind !== "count"), out)
      if (tumblesByCount) removeWindow(of, window)
    }
    if (!purges(answer)) return
    if (!fires(answer) && window.unfired > 0) this.#context.count("skipped", window.unfired)
    clear(window)
  }

  #fire(key: K, window: KeyWindow<In, Acc>, timing: PaneTiming, last: boolean, out: Output<Out>): void {
    const assigner = this.#assigner
    const content = this.#content
    const records = window.records === undefined ? undefined : this.#evicted(window.records)
    if (records === undefined ? window.size === 0 : records.length === 0) {
      window.unfired = 0
      return
    }
    const whole = assigner.kind === "count" || assigner.kind === "global"
    const shown =
      assigner.kind === "count"
        ? spanOf(records, window)
        : Object.freeze({ start: window.start, end: assigner.kind === "session" ? window.end - 1 : window.end })
    const timeMs = whole ? window.newestMs : window.end - 1
    const pane: WindowPane = { window: shown, index: window.panes, timing, last, retraction: false }
    if (content.kind === "aggregate") {
      const { aggregate, result } = content
      for (const [start, end, index, former] of window.former) {
        const window = Object.freeze({ start, end })
        out.emit(result(key, window, former as R, { window, index, timing, last: false, retraction: true }), timeMs)
      }
      const kept = this.#mode !== "discarding" && !last
      const accumulator =
        records === undefined
          ? kept
            ? this.#copy(window.accumulator as Acc)
            : (window.accumulator as Acc)
          : records.reduce((sum, { value }) => aggregate.add(sum, value), aggregate.create())
      const value = aggregate.result(accumulator)
      if (this.#mode === "retracting") {
        window.former = last ? NONE : [[shown.start, shown.end, window.panes, value]]
      }
      out.emit(result(key, shown, value, pane), timeMs)
    } else {
      const values = records!.map(({ value }) => value)
      for (const each of content.process(values, pane, key)) out.emit(each, timeMs)
    }
    window.panes += 1
    window.unfired = 0
    if (timing !== "early") window.wasOnTime = true
    if (this.#mode === "discarding") clear(window)
    else if (records !== undefined) this.#keep(window, records)
  }

  /** Whether no time is left, before the window goes, at which it might fire. */
  #isLast(window: KeyWindow<In, Acc>): boolean {
    if (this.#assigner.time === "processing") return this.#watermarkMs < END
    const goesMs = this.#goesAt(window, "event")
    return goesMs <= this.#watermarkMs && (window.eventTimes[0] ?? END) > goesMs
  }

  /** What a pane that leaves now is, unless a late record lets it go. */
  #timingOf(window: KeyWindow<In, Acc>, nowMs: number): PaneTiming {
    const { kind, time } = this.#assigner
    if (kind === "count") return "on-time"
    // The watermark says that a time is over, the clock that it begins.
    if (nowMs < (time === "event" ? window.end - 1 : window.end)) return "early"
    if (kind === "global") return "on-time"
    return window.wasOnTime || (time === "event" && nowMs > window.end - 1) ? "late" : "on-time"
  }

  #evicted(records: readonly WindowRecord<In>[]): readonly WindowRecord<In>[] {
    const assigner = this.#assigner
    const counted =
      assigner.kind === "count" && records.length > assigner.size ? records.slice(-assigner.size) : records
    return this.#evictor?.before?.(counted) ?? counted
  }

  #keep(window: KeyWindow<In, Acc>, records: readonly WindowRecord<In>[]): void {
    const kept = this.#evictor?.after?.(records) ?? records
    if (kept === window.records) return
    window.records = [...kept]
    window.size = kept.length
  }

  /** When a window goes, in one of the two kinds of time: with the end of input at the latest. */
  #goesAt(window: KeyWindow<In, Acc>, domain: TimeDomain): number {
    const { kind, time } = this.#assigner
    if (domain === "processing") return time === "processing" ? window.end : Number.NaN
    return time === "processing" || kind === "count" || kind === "global" ? END : window.end - 1 + this.#latenessMs
  }

  #nextEventTime(of: KeyWindows<In, Acc>): number | null {
    let next: number | null = null
    for (let place = of.gone; place < of.windows.length; place++) {
      const window = of.windows[place]!
      if (this.#wakesAtEnds && next !== null && window.end - 1 >= next) break
      const at = Math.min(window.eventTimes[0] ?? END, this.#goesAt(window, "event"))
      if (next === null || at < next) next = at
    }
    return next
  }

  #nextProcessingTime(of: KeyWindows<In, Acc>): number | null {
    if (this.#wakesAtEnds) return null
    let next: number | null = null
    for (let place = of.gone; place < of.windows.length; place++) {
      const window = of.windows[place]!
      const goes = this.#goesAt(window, "processing")
      const asked = window.processingTimes[0]
      const at = Number.isNaN(goes) ? asked : asked === undefined || goes < asked ? goes : asked
      if (at !== undefined && (next === null || at < next)) next = at
    }
    return next
  }

  /** Keeps the key's windows, if there are any, and makes sure that it is woken in time. */
  #put(of: KeyWindows<In, Acc>, key: K, keyHash: number): void {
    const eventTime = this.#nextEventTime(of)
    of.armedEventTime = arm(this.#eventTimers, key, keyHash, of.armedEventTime, eventTime)
    const processingTime = this.#nextProcessingTime(of)
    if (processingTime !== null || of.armedProcessingTime !== null) {
      of.armedProcessingTime = arm(this.#processingTimers, key, keyHash, of.armedProcessingTime, processingTime)
      this.#context.setAlarm(this.#processingTimers.nextMs)
    }
    if (of.windows.length > of.gone) this.#store.set(key, keyHash, of)
    else this.#store.delete(key, keyHash)
  }

  #timeOf(timeMs: number, { time }: { readonly time: TimeDomain }): number {
    if (time === "processing") return this.#context.processingTimeMs()
    if (!(Math.abs(timeMs) <= Number.MAX_SAFE_INTEGER)) throw noTime(timeMs)
    return timeMs
  }

  /** Now, in the time that the windows are cut in. */
  #now(): number {
    if (this.#assigner.time === "event" || this.#watermarkMs === END) return this.#watermarkMs
    return this.#context.processingTimeMs()
  }
}

/** What a snapshot holds beside the windows and timers. */
interface PaneProgress {
  readonly watermarkMs: number
  readonly sweeping: boolean
  readonly windows: string
}

/** The window that a trigger is asked about. One object per operator. */
class At implements TriggerContext {
  context!: OperatorContext
  watermarkMs = Number.NEGATIVE_INFINITY
  #at!: KeyWindow<unknown, unknown>

  enter(window: unknown): this {
    this.#at = window as KeyWindow<unknown, unknown>
    return this
  }

  get window(): TimeWindow {
    return this.#at
  }

  get size(): number {
    return this.#at.size
  }

  get processingTimeMs(): number {
    return this.context.processingTimeMs()
  }

  registerEventTime(timeMs: number): void {
    this.#at.eventTimes = addTime(this.#at.eventTimes, timeMs)
  }

  deleteEventTime(timeMs: number): void {
    removeTime(this.#at.eventTimes, timeMs)
  }

  registerProcessingTime(timeMs: number): void {
    this.#at.processingTimes = addTime(this.#at.processingTimes, timeMs)
  }

  deleteProcessingTime(timeMs: number): void {
    removeTime(this.#at.processingTimes, timeMs)
  }
}

/** Moves a key's timer so that it comes no later than `next`. A timer that comes too early stays. @returns its time */
function arm<K>(
  timers: TimerQueue<K>,
  key: K,
  keyHash: number,
  armed: number | null,
  next: number | null,
): number | null {
  if (armed === next || (armed !== null && next !== null && armed < next)) return armed
  if (armed !== null) timers.delete(key, keyHash, armed)
  if (next !== null) timers.register(key, keyHash, next)
  return next
}

function insertByEnd<T, Acc>(of: KeyWindows<T, Acc>, window: KeyWindow<T, Acc>): void {
  const { windows, gone } = of
  let place = windows.length
  while (place > gone && windows[place - 1]!.end > window.end) place--
  insertWindow(of, place, window)
}

/** Where the first of disjoint windows stands that ends after a time; their number when none does. Nearly always it is the last. */
function firstEndingAfter<T, Acc>({ windows, gone }: KeyWindows<T, Acc>, timeMs: number): number {
  let high = windows.length
  if (high > gone && windows[high - 1]!.end <= timeMs) return high
  if (high > gone + 1 && windows[high - 2]!.end <= timeMs) return high - 1
  let low = gone
  while (low < high) {
    const middle = (low + high) >> 1
    if (windows[middle]!.end > timeMs) high = middle
    else low = middle + 1
  }
  return low
}

function clear<T, Acc>(window: KeyWindow<T, Acc>): void {
  window.accumulator = undefined
  if (window.records !== undefined) window.records = []
  window.size = 0
  window.unfired = 0
}

/** The times of a count window's records; without times, as their records have none. */
function spanOf<T, Acc>(records: readonly WindowRecord<T>[] | undefined, window: KeyWindow<T, Acc>): TimeWindow {
  let { oldestMs, newestMs } = window
  if (records !== undefined) {
    oldestMs = records.reduce((oldest, { timeMs }) => Math.min(oldest, timeMs), END)
    newestMs = records.reduce((newest, { timeMs }) => Math.max(newest, timeMs), Number.NEGATIVE_INFINITY)
  }
  return Object.freeze({ start: oldestMs, end: newestMs + 1 })
}
