import type { Committable, Operator, OperatorContext, Output, OwnEventTime } from "../contracts/index.ts"
import { closest, EngineError } from "../errors/index.ts"
import type { SubtaskMetrics, WaitingReport } from "../observe/index.ts"
import { SinkOperator, straightStepOf } from "../operators/index.ts"
import type { PhysicalOperator, Vertex } from "../plan/index.ts"
import type { RecordBatch } from "../records/index.ts"
import type { KeyedStore, StateBackend, StateCodec, StateTable } from "../state/index.ts"
import type { EdgeWriter } from "./edge-writer.ts"
import { operatorFailure } from "./operator-failure.ts"
import type { Pressure } from "./pressure.ts"
import { StraightEntry } from "./straight-entry.ts"
import type { OwnedTable, OwnedValue } from "./subtask-snapshot.ts"

export interface ChainOptions {
  readonly vertex: Vertex
  readonly subtask: number
  readonly keyGroups: number
  /** Whether "changes" of state can be captured. */
  readonly trackChanges: boolean
  /** As OperatorContext says. */
  readonly inexactBarriers?: boolean
  readonly backend: StateBackend
  readonly pressure: Pressure
  readonly metrics: SubtaskMetrics
  /** The instance of each operator, in the vertex's order. */
  readonly operators: readonly Operator[]
  /** Writers of the edges that leave each operator: by operator index, then by output (`undefined`: the main one). */
  readonly writers: readonly {
    readonly operator: number
    readonly side: string | undefined
    readonly writer: EdgeWriter
  }[]
  now(): number
  /** Epoch ms, for timers in processing time. */
  processingTimeMs(): number
  wake(): void
}

/**
 * The operators of one subtask, joined by method calls: a tree in pre-order, parents first.
 *
 * Records go in at the head. A watermark, and later the end, walks the operators in order; the walk waits wherever an
 * operator holds output that it could not emit, and goes on at the next call.
 */
export class Chain {
  readonly #links: readonly Link[]
  /** Operators that may hold output back, deepest first. */
  readonly #resumable: readonly Link[]
  /** Operators that may fire piece by piece, parents first. */
  readonly #interruptible: readonly Link[]
  readonly #alarmed: readonly Link[]
  /** Operators that hold records to send less, parents first. */
  readonly #gathering: readonly Link[]
  readonly #pressure: Pressure
  readonly #head: Output<unknown>
  readonly #headContext: LinkContext
  readonly #sinks: readonly { readonly id: string; readonly operator: SinkOperator<unknown> }[]
  readonly #subtask: number
  #walk: { readonly kind: "watermark" | "finish"; next: number } | undefined
  #opened = 0
  watermarkMs = Number.NEGATIVE_INFINITY

  constructor(options: ChainOptions) {
    const { vertex, pressure } = options
    this.#pressure = pressure
    this.#subtask = options.subtask
    const links = vertex.operators.map(
      (operator, index) => new Link(operator, index, depthOf(vertex, index), options.operators[index]!, options),
    )
    this.#links = links
    // Children first: their entries are what a parent emits to.
    for (const link of links.toReversed()) {
      const targetsOf = (side: string | undefined): Output<unknown>[] => [
        ...links
          .filter((child) => child.physical.parent === link.index && child.physical.parentSide === side)
          .map((child) => child.entry),
        ...options.writers
          .filter((edge) => edge.operator === link.index && edge.side === side)
          .map((edge) => edge.writer),
      ]
      link.connect(targetsOf)
    }
    this.#resumable = links.filter((link) => "pending" in link.operator).sort((a, b) => b.depth - a.depth)
    this.#interruptible = links.filter((link) => "firing" in link.operator)
    this.#alarmed = links.filter((link) => link.operator.onAlarm !== undefined)
    this.#gathering = links.filter((link) => link.operator.flushHeld !== undefined)
    this.#head = links[0]!.entry
    this.#headContext = links[0]!.context
    this.#sinks = links.flatMap((link) =>
      link.operator instanceof SinkOperator ? [{ id: link.physical.id, operator: link.operator }] : [],
    )
  }

  open(): void {
    for (const link of this.#links) {
      link.guard(() => link.operator.open?.(link.context))
      this.#opened += 1
    }
  }

  get blocked(): boolean {
    return this.#pressure.level !== 0
  }

  /**
   * Feeds records `from` up to `to` of a batch into the head, until something downstream is at its bound.
   * @returns the index of the first record not taken
   */
  run(batch: RecordBatch, from: number, to: number): number {
    const { values, times, keyHashes } = batch
    const head = this.#head
    const pressure = this.#pressure
    const context = this.#headContext
    let index = from
    if (keyHashes.length > 0) {
      while (index < to) {
        context.keyHash = keyHashes[index]!
        head.emit(values[index], times[index]!)
        index += 1
        if (pressure.level !== 0) break
      }
      return index
    }
    while (index < to) {
      head.emit(values[index], times[index]!)
      index += 1
      if (pressure.level !== 0) break
    }
    return index
  }

  /** Feeds one record into the head. */
  emit(value: unknown, timeMs: number): void {
    this.#head.emit(value, timeMs)
  }

  /** Begins to hand a new watermark through the operators. Call `advance` until it answers true. */
  beginWatermark(watermarkMs: number): void {
    this.watermarkMs = watermarkMs
    this.#walk = { kind: "watermark", next: 0 }
  }

  /** Begins to finish the operators, after the last watermark. Call `advance` until it answers true. */
  beginFinish(): void {
    this.#walk = { kind: "finish", next: 0 }
  }

  /**
   * Goes on with whatever was held back: pending output first, deepest operator first, then what is firing, one piece each,
   * then the walk.
   * @returns true when nothing is held back: the subtask may take input and be captured, and, unless it is `walking`, hand the
   * watermark on
   */
  advance(): boolean {
    if (this.#pressure.level !== 0) this.#resume()
    for (const link of this.#interruptible) {
      if (this.#pressure.level !== 0) return false
      if (link.operator.firing === true) link.resume()
    }
    while (this.#walk !== undefined) {
      if (this.#pressure.level !== 0) return false
      // The watermark waits behind an operator that still fires; so does a second one behind what processing time fires.
      if (this.#walk.next > 0 && this.#links[this.#walk.next - 1]!.operator.firing === true) return true
      if (this.#walk.next === this.#links.length) {
        this.#walk = undefined
        break
      }
      const link = this.#links[this.#walk.next]!
      this.#walk.next += 1
      if (this.#walk.kind === "watermark") link.watermark(this.watermarkMs)
      else link.finish()
    }
    return this.#pressure.level === 0
  }

  /** No operator holds output back: the state may be captured, whatever the channels do. As of the last `advance`. */
  get nothingPending(): boolean {
    return this.#pressure.nothingPending
  }

  /** Lets operators emit what they hold only to send less. @returns true when nothing is held back */
  flushHeld(before: "barrier" | "idle"): boolean {
    for (const link of this.#gathering) link.flushHeld(before)
    return this.#pressure.nothingPending
  }

  /** Lets operators emit so many records more although channels are full. */
  allowOverflow(records: number): void {
    this.#pressure.allow(records)
  }

  /** Full channels hold operators back again. */
  endOverflow(): void {
    this.#pressure.allow(0)
    this.#pressure.overflowedRecords = 0
  }

  /** Records that full channels took since the last `endOverflow`. */
  get overflowed(): number {
    return this.#pressure.overflowedRecords
  }

  /** A watermark, or the end, is on its way through the operators. */
  get walking(): boolean {
    return this.#walk !== undefined
  }

  /** Some operator has more to fire: `advance` has work. */
  get firing(): boolean {
    return this.#interruptible.some((link) => link.operator.firing === true)
  }

  /** When an operator next waits for processing time: +Infinity when none does. */
  get nextAlarmMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { context } of this.#alarmed) if (context.alarmMs < next) next = context.alarmMs
    return next
  }

  /** Calls the operators whose alarm is due. @returns true when there was one */
  ringAlarms(): boolean {
    const dueMs = this.nextAlarmMs
    if (dueMs === Number.POSITIVE_INFINITY || this.#pressure.level !== 0) return false
    const nowMs = this.#headContext.processingTimeMs()
    if (dueMs > nowMs) return false
    for (const link of this.#alarmed) if (link.context.alarmMs <= nowMs) link.alarm(nowMs)
    return true
  }

  /** How long until the next alarm: ms, +Infinity when there is none. */
  get alarmInMs(): number {
    const dueMs = this.nextAlarmMs
    return dueMs === Number.POSITIVE_INFINITY ? dueMs : Math.max(0, dueMs - this.#headContext.processingTimeMs())
  }

  /** Lets sinks write what they have gathered. */
  flushSinks(): void {
    for (const { operator } of this.#sinks) operator.flush()
  }

  /** All keyed state of its operators. */
  get tables(): readonly OwnedTable[] {
    return this.#links.flatMap((link) => link.tables.map((table) => ({ operatorId: link.physical.id, table })))
  }

  /** The small state of its operators that belongs to no key. */
  captureValues(): readonly OwnedValue[] {
    return this.#links.flatMap((link) =>
      link.operator.captureValue === undefined
        ? []
        : [{ operatorId: link.physical.id, value: link.operator.captureValue() }],
    )
  }

  /** After `open`, before the first record: the values that the former subtasks of an operator captured. */
  restoreValues(operatorId: string, values: readonly unknown[]): void {
    const link = this.#links.find((each) => each.physical.id === operatorId)
    link?.guard(() => link.operator.restoreValue?.(values))
  }

  /** The watermark goes on from where it was (TIM-1). */
  restoreWatermark(watermarkMs: number): void {
    this.watermarkMs = watermarkMs
    for (const link of this.#links) link.context.watermarkMs = watermarkMs
  }

  /** The event time that its head gives records, when it does. */
  get ownTime(): OwnEventTime | undefined {
    return this.#links[0]!.operator.eventTime
  }

  /** What its operators wait for. */
  get waiting(): readonly WaitingReport[] {
    return this.#links.flatMap(({ physical, operator }) => {
      const waiting = operator.waiting?.()
      if (waiting === undefined) return []
      const { what, count, nextMs, nextProcessingMs } = waiting
      return [{ operatorId: physical.id, what, count, nextMs, nextProcessingMs }]
    })
  }

  get hasSinks(): boolean {
    return this.#sinks.length > 0
  }

  /** Records written by this chain's sinks. */
  get recordsWritten(): number {
    return this.#sinks.reduce((sum, { operator }) => sum + operator.recordsWritten, 0)
  }

  /**
   * Makes all that was written durable.
   * @param onCut called once when records may come again, at the latest before it resolves
   * @returns what the sinks are to commit, by operator id
   */
  async prepareCommit(
    checkpointId: number,
    onCut: () => void = () => undefined,
  ): Promise<Record<string, readonly Committable[]>> {
    const prepared: Record<string, readonly Committable[]> = {}
    let uncut = this.#sinks.length
    const onSinkCut = (): void => {
      uncut -= 1
      if (uncut === 0) onCut()
    }
    await Promise.all(
      this.#sinks.map(async ({ id, operator }) => {
        try {
          prepared[id] = await operator.prepareCommit(checkpointId, onSinkCut)
        } catch (error) {
          throw operatorFailure(error, id, this.#subtask)
        }
      }),
    )
    return prepared
  }

  /** Closes every operator that was opened, also when one of them fails. @throws the first failure, after all were closed */
  async close(failed: boolean): Promise<void> {
    const failures: unknown[] = []
    for (const link of this.#links.slice(0, failed ? this.#links.length : this.#opened)) {
      try {
        await link.operator.close?.(failed)
      } catch (error) {
        failures.push(operatorFailure(error, link.physical.id, this.#subtask))
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  #resume(): void {
    this.#pressure.resetPending()
    for (const link of this.#resumable) {
      if (link.operator.pending !== true) continue
      link.resume()
      if (link.operator.pending === true) this.#pressure.operatorPending(link.depth)
    }
  }
}

function depthOf(vertex: Vertex, index: number): number {
  let depth = 0
  for (let at = vertex.operators[index]!.parent; at !== -1; at = vertex.operators[at]!.parent) depth += 1
  return depth
}

/** One operator in its chain. */
class Link {
  readonly physical: PhysicalOperator
  readonly index: number
  readonly depth: number
  readonly operator: Operator
  readonly context: LinkContext
  /** Where records enter. */
  entry: Output<unknown> = NOWHERE
  #out: Output<unknown> = NOWHERE
  readonly #pressure: Pressure

  constructor(physical: PhysicalOperator, index: number, depth: number, operator: Operator, options: ChainOptions) {
    this.physical = physical
    this.index = index
    this.depth = depth
    this.operator = operator
    this.#pressure = options.pressure
    this.context = new LinkContext(physical, options)
  }

  get subtask(): number {
    return this.context.subtask
  }

  /** The stores it asked for, and the tables it keeps itself. */
  get tables(): readonly StateTable[] {
    return [...this.context.stores, ...(this.operator.tables?.() ?? [])]
  }

  connect(targetsOf: (side: string | undefined) => Output<unknown>[]): void {
    const targets = targetsOf(undefined)
    this.#out = joinOutputs(targets, this.#pressure, this.depth)
    this.entry = this.#makeEntry(targets)
    this.context.connect((tag) => joinOutputs(targetsOf(tag), this.#pressure, this.depth))
  }

  watermark(watermarkMs: number): void {
    this.context.watermarkMs = watermarkMs
    if (this.operator.onWatermark === undefined) return
    this.guard(() => this.operator.onWatermark!(watermarkMs, this.#out))
    this.#notePending()
  }

  finish(): void {
    if (this.operator.finish === undefined) return
    this.guard(() => this.operator.finish!(this.#out))
    this.#notePending()
  }

  flushHeld(before: "barrier" | "idle"): void {
    this.guard(() => this.operator.flushHeld!(before, this.#out))
    this.#notePending()
  }

  resume(): void {
    this.guard(() => this.operator.resume!(this.#out))
  }

  alarm(nowMs: number): void {
    this.context.alarmMs = Number.POSITIVE_INFINITY
    this.guard(() => this.operator.onAlarm!(nowMs, this.#out))
    this.#notePending()
  }

  guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      throw operatorFailure(error, this.physical.id, this.subtask)
    }
  }

  #makeEntry(targets: readonly Output<unknown>[]): Output<unknown> {
    const step = straightStepOf(this.operator)
    if (step !== undefined) {
      const failure = (error: unknown, value: unknown): Error =>
        operatorFailure(error, this.physical.id, this.subtask, { value })
      return StraightEntry.before(targets.length === 1 ? targets[0]! : this.#out, { ...step, failure })
    }
    return "pending" in this.operator
      ? new ResumableEntry(this, this.#out, this.#pressure)
      : new OperatorEntry(this, this.#out)
  }

  #notePending(): void {
    if (this.operator.pending === true) this.#pressure.operatorPending(this.depth)
  }
}

/** Where records enter an operator. Its errors get the operator's name here, at no cost while nothing is thrown. */
class OperatorEntry implements Output<unknown> {
  protected readonly operator: Operator
  readonly #link: Link
  readonly #out: Output<unknown>

  constructor(link: Link, out: Output<unknown>) {
    this.#link = link
    this.#out = out
    this.operator = link.operator
  }

  emit(value: unknown, timeMs: number): void {
    try {
      this.operator.onRecord(value, timeMs, this.#out)
    } catch (error) {
      throw operatorFailure(error, this.#link.physical.id, this.#link.subtask, { value })
    }
  }

  /** Asked through the joined output of the operator above, which knows its own depth. */
  get full(): boolean {
    return this.#out.full
  }
}

/** An entry that also tells the subtask when the operator could not emit everything. */
class ResumableEntry extends OperatorEntry {
  readonly #pressure: Pressure
  readonly #depth: number

  constructor(link: Link, out: Output<unknown>, pressure: Pressure) {
    super(link, out)
    this.#pressure = pressure
    this.#depth = link.depth
  }

  override emit(value: unknown, timeMs: number): void {
    super.emit(value, timeMs)
    if (this.operator.pending === true) this.#pressure.operatorPending(this.#depth)
  }
}

/** All consumers of one output of an operator at `depth`. */
function joinOutputs(targets: readonly Output<unknown>[], pressure: Pressure, depth: number): Output<unknown> {
  const [first, ...others] = targets
  if (first === undefined) return NOWHERE
  if (others.length === 0) return new SingleOutput(first, pressure, depth)
  return new FanOutput(targets, pressure, depth)
}

class SingleOutput implements Output<unknown> {
  readonly #target: Output<unknown>
  readonly #pressure: Pressure
  readonly #level: number

  constructor(target: Output<unknown>, pressure: Pressure, depth: number) {
    this.#target = target
    this.#pressure = pressure
    this.#level = depth + 1
  }

  emit(value: unknown, timeMs: number): void {
    this.#target.emit(value, timeMs)
  }

  get full(): boolean {
    return this.#pressure.level > this.#level
  }
}

class FanOutput implements Output<unknown> {
  readonly #targets: readonly Output<unknown>[]
  readonly #pressure: Pressure
  readonly #level: number

  constructor(targets: readonly Output<unknown>[], pressure: Pressure, depth: number) {
    this.#targets = targets
    this.#pressure = pressure
    this.#level = depth + 1
  }

  emit(value: unknown, timeMs: number): void {
    for (const target of this.#targets) target.emit(value, timeMs)
  }

  get full(): boolean {
    return this.#pressure.level > this.#level
  }
}

/** An output that nobody reads: the plan has warned of it. */
const NOWHERE: Output<unknown> = {
  emit(): void {
    // Unread by the user's choice; the operator counts what it sends to a side output.
  },
  full: false,
}

class LinkContext implements OperatorContext {
  readonly operatorId: string
  readonly subtask: number
  readonly parallelism: number
  readonly trackChanges: boolean
  readonly inexactBarriers: boolean
  keyHash = 0
  watermarkMs = Number.NEGATIVE_INFINITY
  alarmMs = Number.POSITIVE_INFINITY
  readonly #options: ChainOptions
  readonly #stores = new Map<string, KeyedStore<unknown> & StateTable>()
  readonly #sides = new Map<string, Output<unknown>>()
  readonly #declared: readonly string[]
  #join: ((tag: string) => Output<unknown>) | undefined

  constructor({ id, node }: PhysicalOperator, options: ChainOptions) {
    this.operatorId = id
    this.#declared = node.sides
    this.subtask = options.subtask
    this.parallelism = options.vertex.parallelism
    this.trackChanges = options.trackChanges
    this.inexactBarriers = options.inexactBarriers ?? false
    this.#options = options
  }

  get stores(): Iterable<StateTable> {
    return this.#stores.values()
  }

  connect(join: (tag: string) => Output<unknown>): void {
    this.#join = join
  }

  now(): number {
    return this.#options.now()
  }

  keyedStore<V>(name: string, codec?: StateCodec<V> | undefined): KeyedStore<V> {
    const known = this.#stores.get(name)
    if (known !== undefined) return known as KeyedStore<V>
    const { keyGroups, trackChanges, backend } = this.#options
    const store = backend.keyedStore<V>({ name, keyGroups, codec, trackChanges })
    this.#stores.set(name, store as KeyedStore<unknown> & StateTable)
    return store
  }

  side(tag: string): Output<unknown> {
    let side = this.#sides.get(tag)
    if (side === undefined) {
      if (!this.#declared.includes(tag)) throw undeclared(tag, this.#declared)
      side = this.#join!(tag)
      this.#sides.set(tag, side)
    }
    return side
  }

  count(counter: "late" | "skipped", amount: number): void {
    this.#options.metrics.add(counter, amount)
  }

  wake(): void {
    this.#options.wake()
  }

  processingTimeMs(): number {
    return this.#options.processingTimeMs()
  }

  setAlarm(timeMs: number): void {
    this.alarmMs = timeMs
  }
}

function undeclared(tag: string, declared: readonly string[]): EngineError {
  const known = declared.length === 0 ? "it declares none" : `it declares ${declared.join(", ")}`
  const near = closest(tag, declared)
  return new EngineError(
    "SIDE_OUTPUT_UNKNOWN",
    `Cannot emit to output "${tag}": ${known}${near === undefined ? "" : `, did you mean "${near}"?`}; name it in process(..., { outputs: [${JSON.stringify(tag)}] })`,
  )
}
