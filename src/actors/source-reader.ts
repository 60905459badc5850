// Not through the folder's index: workers that read no files need not load their parsers.
import { DeadLetterFile } from "../connectors/files/dead-letter.ts"
import type { MalformedRecord, Position, ReadContext, Source, SourceBatch } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"
import type { SubtaskMetrics } from "../observe/index.ts"
import type { EventTimeOptions } from "../plan/index.ts"
import { NO_TIME } from "../records/index.ts"
import { WatermarkGenerator } from "../time/index.ts"
import type { Chain } from "./chain.ts"
import { operatorFailure } from "./operator-failure.ts"
import type { SplitAssignment, SplitProgress } from "./split-coordinator.ts"
import { SplitReader } from "./split-reader.ts"
import type { BarrierMark, InputSnapshot, SubtaskInput } from "./subtask-input.ts"

export interface SourceReaderOptions {
  readonly source: Source<unknown>
  readonly operatorId: string
  readonly subtask: number
  readonly parallelism: number
  readonly eventTime: EventTimeOptions | undefined
  readonly metrics: SubtaskMetrics
  /** Asks for the next split; the answer comes by `assign`. */
  requestSplit(): void
  now(): number
  sleep(ms: number): Promise<void>
  wake(): void
}

/**
 * The input of a source subtask: asks for splits one after another, reads them, gives records their event time, and
 * makes the watermark.
 *
 * The watermark is the split's newest event time less the bound of disorder. Splits of an ordered source follow one
 * another in one sequence, so a reader goes from one to the next without a step back; of an unordered source no watermark
 * leaves any reader until the last split has been handed out, and from then on each reader's own split counts.
 */
export class SourceReader implements SubtaskInput {
  readonly #options: SourceReaderOptions
  readonly #abort = new AbortController()
  readonly #context: ReadContext
  #reader: SplitReader<unknown> | undefined
  #watermarks: WatermarkGenerator | undefined
  #batch: SourceBatch<unknown> | undefined
  #next = 0
  /** The split being read, and where its current batch began. */
  #current: SplitProgress | undefined
  #from: Position | undefined
  #skip = 0
  #keptBack: SplitAssignment | undefined
  #requested = false
  #exhausted = false
  #hold = true
  #rate: number
  #lastRecordMs: number
  #deadLetters: DeadLetterFile | undefined
  watermarkMs = Number.NEGATIVE_INFINITY
  idle = false
  readonly received: readonly number[] = []
  barrierDue: BarrierMark | undefined

  constructor(options: SourceReaderOptions) {
    this.#options = options
    this.#rate = (options.source.rate ?? Number.POSITIVE_INFINITY) / options.parallelism
    this.#lastRecordMs = options.now()
    const { badRecords } = options.source
    if (typeof badRecords === "object") {
      this.#deadLetters = new DeadLetterFile(badRecords.deadLetter, { subtask: options.subtask })
    }
    this.#context = {
      signal: this.#abort.signal,
      now: options.now,
      sleep: (ms) => options.sleep(ms),
      rate: () => this.#rate,
      malformed: (bad) => this.#onMalformed(bad),
    }
  }

  /** The coordinator's answer to `requestSplit`. Kept back while a barrier is due: the checkpoint counts it as not handed out. */
  assign(assignment: SplitAssignment): void {
    if (this.barrierDue !== undefined) this.#keptBack = assignment
    else this.#take(assignment)
  }

  /** A checkpoint was triggered: what is assigned from now on is not part of it. */
  trigger(mark: BarrierMark): void {
    this.barrierDue = mark
    this.#options.wake()
  }

  passBarrier(): InputSnapshot {
    const progress = this.#progress()
    this.#endBarrier()
    return { progress, received: [] }
  }

  abortCheckpoint(checkpointId: number): void {
    if (this.barrierDue?.checkpointId === checkpointId) this.#endBarrier()
  }

  /** Every split of the source has been handed out. */
  releaseWatermark(): void {
    this.#hold = false
    this.#options.wake()
  }

  setRate(recordsPerSecond: number): void {
    this.#rate = recordsPerSecond / this.#options.parallelism
  }

  get operatorId(): string {
    return this.#options.operatorId
  }

  get ended(): boolean {
    return this.#exhausted && this.#reader === undefined && this.#batch === undefined
  }

  step(chain: Chain, budget: number): { readonly records: number; readonly moved: boolean } {
    let records = 0
    try {
      while (records < budget && !chain.blocked) {
        if (this.#batch === undefined && !this.#nextBatch()) break
        records += this.#emit(chain, this.#batch!.values, budget - records)
      }
    } catch (error) {
      throw operatorFailure(error, this.#options.operatorId, this.#options.subtask)
    }
    this.#updateWatermark()
    const active = records > 0
    if (active) this.#lastRecordMs = this.#options.now()
    return { records, moved: active || this.#noteIdleness(chain.blocked) }
  }

  stop(): void {
    this.#exhausted = true
    this.#abort.abort()
    this.#reader?.close()
    this.#reader = undefined
    this.#batch = undefined
    this.#options.wake()
  }

  close(): void {
    this.#abort.abort()
    this.#reader?.close()
    this.#deadLetters?.close()
    this.#deadLetters = undefined
  }

  #take(assignment: SplitAssignment): void {
    this.#requested = false
    this.#hold = assignment.holdWatermark
    const { progress } = assignment
    if (this.#exhausted) return
    if (progress === undefined) {
      this.#exhausted = true
    } else {
      const { source, eventTime } = this.#options
      this.#watermarks = eventTime === undefined ? undefined : new WatermarkGenerator(eventTime.outOfOrderMs)
      this.#watermarks?.observe(progress.newestMs)
      this.#current = progress
      this.#from = progress.from
      this.#skip = progress.skip
      this.#reader = new SplitReader(source.read(progress.split, progress.from, this.#context), this.#options.wake)
    }
    this.#options.wake()
  }

  #endBarrier(): void {
    this.barrierDue = undefined
    const keptBack = this.#keptBack
    this.#keptBack = undefined
    if (keptBack !== undefined) this.#take(keptBack)
  }

  #progress(): SplitProgress | undefined {
    if (this.#current === undefined || (this.#reader === undefined && this.#batch === undefined)) return undefined
    return {
      split: this.#current.split,
      from: this.#from,
      skip: this.#batch === undefined ? this.#skip : this.#next,
      newestMs: this.#newestMs,
    }
  }

  get #newestMs(): number {
    if (this.#watermarks === undefined) return Number.NEGATIVE_INFINITY
    return this.#watermarks.current() + 1 + this.#options.eventTime!.outOfOrderMs
  }

  /** Takes the next batch of the current split, or sees to it that there will be one. */
  #nextBatch(): boolean {
    if (this.#reader === undefined) {
      if (!this.#exhausted && !this.#requested) {
        this.#requested = true
        this.#options.requestSplit()
      }
      return false
    }
    const batch = this.#reader.poll()
    if (batch !== undefined && this.#skip >= batch.values.length) {
      // A restored split goes on behind records that were emitted before; batches need not be cut as they were then.
      this.#skip -= batch.values.length
      this.#from = batch.next
      return this.#nextBatch()
    }
    if (batch !== undefined) {
      this.#batch = batch
      this.#next = this.#skip
      this.#skip = 0
      return true
    }
    if (this.#reader.ended) {
      this.#reader = undefined
      // Asks at once: the answer takes a turn of the event loop.
      return this.#nextBatch()
    }
    return false
  }

  #emit(chain: Chain, values: readonly unknown[], budget: number): number {
    const from = this.#next
    const to = Math.min(values.length, from + budget)
    const { eventTime } = this.#options
    let index = from
    if (eventTime === undefined) {
      for (; index < to && !chain.blocked; index++) chain.emit(values[index], NO_TIME)
    } else {
      const watermarks = this.#watermarks!
      for (; index < to && !chain.blocked; index++) {
        const value = values[index]
        const time = eventTime.timeOf(value)
        const timeMs = typeof time === "number" ? time : this.#timeOfDate(time)
        if (timeMs - timeMs !== 0) {
          // NaN and both infinities: no event time.
          this.#onMalformed(noEventTime(value, time, this.#options.operatorId))
          continue
        }
        watermarks.observe(timeMs)
        chain.emit(value, timeMs)
      }
    }
    this.#next = index
    if (index === values.length) {
      this.#from = this.#batch!.next
      this.#batch = undefined
    }
    return index - from
  }

  #timeOfDate(time: unknown): number {
    return time instanceof Date ? time.getTime() : Number.NaN
  }

  #updateWatermark(): void {
    if (this.#watermarks === undefined) return
    const { metrics } = this.#options
    const newestMs = this.#newestMs
    if (newestMs > metrics.get("newestEventMs")) metrics.set("newestEventMs", newestMs)
    if (this.#hold) return
    const currentMs = this.#watermarks.current()
    if (currentMs > this.watermarkMs) this.watermarkMs = currentMs
  }

  /** Time spent held back by the sinks is not idleness (FLINK-35886). @returns true when idleness changed */
  #noteIdleness(blocked: boolean): boolean {
    const { source, eventTime, now } = this.#options
    if (eventTime === undefined || source.bounded) return false
    if (blocked || this.#batch !== undefined) {
      this.#lastRecordMs = now()
      return false
    }
    const idle = now() - this.#lastRecordMs >= eventTime.idleAfterMs
    if (idle === this.idle) return false
    this.idle = idle
    return true
  }

  #onMalformed(bad: MalformedRecord): void {
    const { source } = this.#options
    const policy = source.badRecords ?? "fail"
    if (policy === "fail") {
      const remedy =
        source.badRecords === undefined
          ? "mend it, or leave it out"
          : 'mend it, or set badRecords to "skip" or { deadLetter: "bad.ndjson" }'
      throw new EngineError(
        "RECORD_MALFORMED",
        `Cannot read a record of ${source.label} at ${bad.position}: ${bad.reason}; the input is ${describe(bad.raw)}; ${remedy}`,
        { details: { position: bad.position, reason: bad.reason } },
      )
    }
    this.#options.metrics.add("skipped", 1)
    if (policy === "skip") return
    this.#deadLetters!.append({ ...bad, source: this.#options.source.label })
  }
}

function noEventTime(value: unknown, time: unknown, operatorId: string): MalformedRecord {
  return {
    raw: describe(value, 2000),
    reason: `its event time is ${describe(time)}, where epoch milliseconds or a valid Date are needed`,
    position: `a record of "${operatorId}"`,
  }
}
