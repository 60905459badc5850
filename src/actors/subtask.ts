import { type Counter, LongestStep, type SubtaskMetrics, type SubtaskReport } from "../observe/index.ts"
import { ElementKind, END, IDLE } from "../records/index.ts"
import type { PartHandle, PartWriter } from "../snapshot/store/index.ts"
import { PartChain } from "../snapshot/store/part-chain.ts"
import type { CaptureKind } from "../state/index.ts"
import type { Chain } from "./chain.ts"
import { ChangeLog } from "./change-log.ts"
import type { PreparedBySink, SubtaskShare } from "./control.ts"
import type { OutChannel } from "./out-channel.ts"
import { OutputCut } from "./output-cut.ts"
import type { BarrierMark, InputSnapshot, SubtaskInput } from "./subtask-input.ts"
import { SubtaskSnapshot } from "./subtask-snapshot.ts"

/** What a subtask waits for. */
export const SubtaskPhase = {
  /** Takes input until it has ended. */
  RUNNING: "running",
  /** The input has ended: the last watermark, then `finish`, walk through the operators. */
  FINISHING: "finishing",
  /** Sinks make what they wrote durable. */
  PREPARING: "preparing",
  /** Operators close their files and connections. */
  CLOSING: "closing",
  /** The end mark, and all before it, is being handed to the receivers, until they have taken every record. */
  ENDING: "ending",
  /** Nothing is left to do. */
  DONE: "done",
} as const
export type SubtaskPhase = (typeof SubtaskPhase)[keyof typeof SubtaskPhase]

export type StepOutcome = "progressed" | "idle" | "blocked" | "paused" | "done"

const BOOKED_UNDER = {
  progressed: "busyMs",
  idle: "idleMs",
  blocked: "backpressuredMs",
  paused: "pausedMs",
  done: "busyMs",
} as const satisfies Record<StepOutcome, Counter>

/** Checkpoint id of the commit at the end of input. */
const FINAL_COMMIT = Number.MAX_SAFE_INTEGER
/** Records per step at most: some hundred microseconds of common operators. */
const STEP_BUDGET = 1024
/** A step that takes longer is followed by one of fewer records, so that a barrier is noticed soon. */
const STEP_LONG_MS = 4
const STEP_SHORT_MS = 1
/** Records that go into full channels while a barrier waits for operators that hold output back: per step, and in all. */
const OVERFLOW_PER_STEP = 1024
const OVERFLOW_RECORDS = 2 ** 20

export interface SubtaskOptions {
  /** The vertex's index. */
  readonly vertex: number
  readonly subtask: number
  readonly input: SubtaskInput
  readonly chain: Chain
  readonly outputs: readonly OutChannel[]
  readonly metrics: SubtaskMetrics
  /** Channel numbers of the plan, in the order of `outputs` and of the input's channels. */
  readonly channels: { readonly sent: readonly number[]; readonly received: readonly number[] }
  readonly keyGroups: number
  /** Whether checkpoints hold changes only, where they can. */
  readonly incremental: boolean
  /** Present when barriers may overtake records. */
  readonly overtaking?: {
    /** Age from which a barrier no longer waits for room: ms, 0 for at once. */
    readonly timeoutMs: number
    /** On the clock of the barriers' birth. */
    now(): number
  }
  /** The worker's clock, in ms. */
  now(): number
  wake(): void
  /** Makes the file of this subtask's share of a checkpoint. */
  createPart(checkpointId: number): Promise<PartWriter>
  /** Its share of a checkpoint is durable. */
  acknowledge(checkpointId: number, share: SubtaskShare): void
  /** Its share of a checkpoint could not be written. */
  decline(checkpointId: number, error: unknown): void
  /** At most once: what its sinks prepared, to be committed now. Resolves when it is. */
  outputCut(prepared: PreparedBySink): Promise<void>
  /** Nothing is left to do; its end is part of every later checkpoint. */
  ended(share: SubtaskShare): void
}

/** A checkpoint in which this subtask takes part, from the capture to the acknowledgement. */
interface Capture {
  readonly checkpointId: number
  readonly snapshot: SubtaskSnapshot
  readonly input: InputSnapshot
  readonly watermarkMs: number
  readonly reachedMs: number
  readonly sent: readonly number[]
  /** Of these, records that were not in the channel and that this subtask saves itself. */
  readonly kept: readonly number[]
  /** What sinks prepared at the barrier; undefined while they do. */
  prepared: PreparedBySink | undefined
}

/**
 * One parallel instance of a chain of operators, as a machine that is stepped: input -> operators -> output channels.
 *
 * - `step` does a bounded amount of work, never blocks and never awaits.
 * - What could not be handed on is kept, and no new input is taken until it is gone.
 * - A watermark is handed on after everything that it made the operators emit.
 */
export class Subtask {
  /** The vertex's index. */
  readonly vertex: number
  readonly subtask: number
  readonly input: SubtaskInput
  readonly #chain: Chain
  readonly #outputs: readonly OutChannel[]
  readonly #metrics: SubtaskMetrics
  readonly #longestStep: LongestStep
  readonly #wake: () => void
  #phase: SubtaskPhase = SubtaskPhase.RUNNING
  /** Handed to the outputs. */
  #sentWatermarkMs = Number.NEGATIVE_INFINITY
  #sentIdle = false
  #finishBegun = false
  #endMarked = false
  #async: { settled: boolean; failure?: { readonly error: unknown } } | undefined
  #recordsIn = 0
  #lastEndMs: number
  #lastOutcome: StepOutcome = "idle"
  readonly #options: SubtaskOptions
  /** What its state consists of on disk. Begins anew with every attempt: with everything. */
  readonly #parts = new PartChain()
  /** Of the tables that can log, where checkpoints hold changes only. */
  #logs: readonly ChangeLog[] = []
  #capture: Capture | undefined
  #budget = STEP_BUDGET
  /** What the last step spent on the snapshot: no time of its records. */
  #captureMs = 0
  /** Whether the step before this one wrote some of a capture. */
  #capturedLast = false
  readonly #cut: OutputCut
  /** At most once: what its sinks prepared last is being committed. */
  #commits = false
  /** What sinks prepared and nobody has said is committed, with the checkpoint whose share it was in last. */
  #uncommitted: { readonly checkpointId: number; readonly prepared: PreparedBySink }[] = []

  constructor(options: SubtaskOptions) {
    this.#options = options
    this.vertex = options.vertex
    this.subtask = options.subtask
    this.input = options.input
    this.#chain = options.chain
    this.#outputs = options.outputs
    this.#metrics = options.metrics
    this.#longestStep = new LongestStep(options.metrics)
    this.#wake = options.wake
    this.#cut = new OutputCut(options.chain, options.wake)
    this.#lastEndMs = options.now()
  }

  open(): void {
    this.#chain.open()
    if (!this.#options.incremental) return
    const canLog = this.#chain.tables.filter(({ table }) => table.logTo !== undefined)
    this.#logs = canLog.map(({ operatorId, table }) => new ChangeLog(operatorId, table))
  }

  get chain(): Chain {
    return this.#chain
  }

  /** It had ended before the checkpoint that the job goes on from: only its end is to be said again. */
  skipToEnd(): void {
    this.input.close()
    this.#phase = SubtaskPhase.CLOSING
  }

  get phase(): SubtaskPhase {
    return this.#phase
  }

  get metrics(): SubtaskMetrics {
    return this.#metrics
  }

  /**
   * Books the time since its last step under what it then waited for, and the step's own time under what came of it.
   * Time in which it had work but other subtasks of its worker ran is booked nowhere.
   */
  accountTime(startMs: number, endMs: number, outcome: StepOutcome): void {
    const waitedMs = startMs - this.#lastEndMs
    const waitedFor = BOOKED_UNDER[this.#lastOutcome]
    if (waitedFor !== "busyMs") this.#metrics.add(waitedFor, waitedMs)
    this.#metrics.add(BOOKED_UNDER[outcome], endMs - startMs)
    this.#lastEndMs = endMs
    this.#lastOutcome = outcome
    this.#longestStep.note(endMs - startMs, endMs)
    const stepMs = endMs - startMs - this.#captureMs
    if (stepMs > STEP_LONG_MS) this.#budget = Math.max(1, this.#budget >> 1)
    else if (stepMs < STEP_SHORT_MS && this.#budget < STEP_BUDGET) this.#budget *= 2
  }

  /** @param budget records it may take at most */
  step(budget: number = STEP_BUDGET): StepOutcome {
    this.#cut.check()
    const firing = this.#chain.firing
    const captured = this.#stepCapture(firing)
    // A piece of a capture and one of a burst take their time each: one step has one of them, in turn.
    if (captured && firing) return "progressed"
    const outcome = this.#stepPhase(budget)
    for (const { table } of this.#logs) table.logChanges!()
    return captured && outcome !== "done" ? "progressed" : outcome
  }

  #stepCapture(firing: boolean): boolean {
    this.#captureMs = 0
    const passes = firing && this.#capturedLast
    this.#capturedLast = false
    if (this.#capture === undefined || passes) return false
    const startMs = this.#options.now()
    const moved = this.#advanceCapture(this.#capture, !firing)
    this.#captureMs = this.#options.now() - startMs
    this.#capturedLast = moved
    return moved
  }

  /** How it stands, for `why`. */
  report(): SubtaskReport {
    const { sent, received } = this.#options.channels
    const input = this.input.report()
    return {
      vertex: this.vertex,
      subtask: this.subtask,
      phase: this.#phase,
      watermarkMs: this.#sentWatermarkMs,
      blocked: this.#chain.blocked,
      busyMs: this.#metrics.get("busyMs"),
      backpressuredMs: this.#metrics.get("backpressuredMs"),
      fullChannels: this.#outputs.flatMap((channel, index) => (channel.full ? [sent[index]!] : [])),
      sinksPrepare: this.#cut.holds,
      input:
        input.type === "source"
          ? input
          : {
              ...input,
              channels: input.channels.map((each) => ({ ...each, channel: received[each.channel]! })),
              holder: input.holder === undefined ? undefined : received[input.holder]!,
            },
      ownNewestMs: this.#chain.ownTime?.newestMs,
      waiting: this.#chain.waiting,
    }
  }

  /** The checkpoint is durable, and what its sinks prepared is committed. */
  checkpointCompleted(checkpointId: number): void {
    this.#uncommitted = this.#uncommitted.filter((each) => each.checkpointId > checkpointId)
  }

  /** The checkpoint is off: as if it had never been asked for. What sinks prepared for it goes with the next one. */
  checkpointAborted(checkpointId: number): void {
    this.input.abortCheckpoint(checkpointId)
    if (this.#capture?.checkpointId === checkpointId) this.#dropCapture()
  }

  /** At most once: sinks prepare what was written so far, without a barrier. Not while the cut before is being prepared or committed. */
  cutOutput(cutId: number): void {
    const isReady = !this.#cut.underWay && !this.#commits
    if (this.#phase !== SubtaskPhase.RUNNING || !isReady || !this.#chain.hasSinks) return
    this.#cut.begin(cutId, (prepared) => {
      this.#commits = true
      void this.#options.outputCut(prepared).then(() => {
        this.#commits = false
      })
    })
  }

  #stepPhase(budget: number): StepOutcome {
    switch (this.#phase) {
      case SubtaskPhase.RUNNING:
        return this.#run(budget)
      case SubtaskPhase.FINISHING:
        return this.#finish()
      case SubtaskPhase.PREPARING:
        return this.#await(
          () => this.#chain.prepareCommit(FINAL_COMMIT).then((prepared) => this.#keep(FINAL_COMMIT, prepared)),
          SubtaskPhase.CLOSING,
        )
      case SubtaskPhase.CLOSING:
        return this.#await(() => this.#chain.close(false), SubtaskPhase.ENDING)
      case SubtaskPhase.ENDING:
        return this.#end()
      case SubtaskPhase.DONE:
        return "done"
    }
  }

  /** The job failed or was cancelled: releases files and connections, and leaves nothing half-written. Never throws. */
  async abort(): Promise<void> {
    this.input.close()
    if (this.#capture !== undefined) this.#dropCapture()
    if (this.#phase === SubtaskPhase.DONE || this.#phase === SubtaskPhase.ENDING) return
    this.#phase = SubtaskPhase.DONE
    // The failure that led here is the one to report; what closing adds to it helps nobody.
    await this.#chain.close(true).catch(() => undefined)
  }

  /** How long it may sleep with nothing else to do: ms until an operator waits for processing time no longer, or a barrier for its turn. */
  get alarmInMs(): number {
    if (this.#phase !== SubtaskPhase.RUNNING) return Number.POSITIVE_INFINITY
    return Math.min(this.#chain.alarmInMs, this.#barrierInMs)
  }

  get #barrierInMs(): number {
    const { overtaking } = this.#options
    if (overtaking === undefined) return Number.POSITIVE_INFINITY
    const { barrierDue, barrierDeadlineMs } = this.input
    const urgentMs = barrierDue === undefined ? Number.POSITIVE_INFINITY : this.#urgentMs(barrierDue)
    // A moment that is past is no reason to stay awake: what is waited for then is room.
    const [inMs, deadlineInMs] = [urgentMs - overtaking.now(), barrierDeadlineMs - overtaking.now()]
    return Math.min(inMs > 0 ? inMs : Number.POSITIVE_INFINITY, Math.max(0, deadlineInMs))
  }

  #run(budget: number): StepOutcome {
    let moved = this.#flush(false)
    this.input.notice()
    const due = this.input.barrierDue
    const overflowed = this.#chain.overflowed
    if (due !== undefined && this.#overtakes(due)) this.#makeWay(due)
    else if (overflowed > 0) this.#chain.endOverflow()
    // What fires while the sinks cut their output would belong to either side.
    if (!this.#cut.holds) {
      const advanced = this.#chain.advance()
      if (due !== undefined && this.#mayOvertake(due)) {
        // What finds no room is given some in the next step.
        if (this.#chain.flushHeld("barrier")) this.#takeCapture(due)
        return "progressed"
      }
      if (!advanced) return this.#held(moved || this.#chain.overflowed !== overflowed)
      if (this.#chain.ringAlarms() || this.#chain.firing) moved = true
    }
    if (this.#handOnProgress()) moved = true
    else if (due !== undefined) {
      // The sinks may still be at the checkpoint before, which was given up.
      if (this.#capture === undefined && !this.#cut.underWay && this.#chain.flushHeld("barrier")) this.#takeCapture(due)
    } else if (this.#cut.holds) {
      // What comes now belongs to the next checkpoint: it waits until the sinks have cut their output.
      this.#noteHeld()
      return moved ? "progressed" : "blocked"
    } else {
      const { records, moved: inputMoved } = this.input.step(this.#chain, Math.min(budget, this.#budget))
      if (records > 0) {
        this.#recordsIn += records
        this.#metrics.set("recordsIn", this.#recordsIn)
      }
      moved = moved || inputMoved
      if (this.#handOnProgress()) moved = true
    }
    // What sinks gathered in this step goes out now; while a write is under way the next batch grows.
    this.#chain.flushSinks()
    if (!moved) moved = this.#flush(true)
    this.#publishMetrics()
    if (moved) return "progressed"
    return this.#chain.blocked ? "blocked" : this.input.paused === true ? "paused" : "idle"
  }

  /** Whether this barrier overtakes records in flight. */
  #overtakes({ savepoint }: BarrierMark): boolean {
    return this.#options.overtaking !== undefined && savepoint !== true
  }

  /** When a barrier that overtakes no longer waits for operators that hold output back. */
  #urgentMs({ bornMs }: BarrierMark): number {
    const { timeoutMs } = this.#options.overtaking!
    return timeoutMs === 0 ? Number.NEGATIVE_INFINITY : bornMs + timeoutMs
  }

  /**
   * From its timeout on a barrier that overtakes lets operators emit into full channels what they hold back, some records per
   * step, up to a bound: what the channels do not take is saved with them.
   */
  #makeWay(due: BarrierMark): void {
    // An older checkpoint is over, though word of it has not come yet.
    if (this.#capture !== undefined && this.#capture.checkpointId < due.checkpointId) this.#dropCapture()
    const { overflowed, nothingPending } = this.#chain
    if (nothingPending || this.#options.overtaking!.now() < this.#urgentMs(due)) return
    this.#chain.allowOverflow(Math.min(OVERFLOW_PER_STEP, OVERFLOW_RECORDS - overflowed))
  }

  /** What operators have been given they have emitted: that channels are full does not matter. */
  #mayOvertake(due: BarrierMark): boolean {
    const free = this.#capture === undefined && !this.#cut.underWay
    return free && this.#overtakes(due) && this.#chain.nothingPending
  }

  #dropCapture(): void {
    this.#capture!.snapshot.cancel()
    this.#capture = undefined
  }

  /** Begins the walk of a new watermark, hands on one whose walk is done, idleness, and the end. @returns true when it did something */
  #handOnProgress(): boolean {
    const { input } = this
    if (this.#chain.walking || this.#chain.blocked) return false
    if (this.#chain.watermarkMs > this.#sentWatermarkMs) {
      this.#sentWatermarkMs = this.#chain.watermarkMs
      this.#sentIdle = false
      this.#metrics.set("watermarkMs", this.#sentWatermarkMs)
      for (const channel of this.#outputs) channel.watermark(this.#sentWatermarkMs)
      return true
    }
    // A barrier that is due now is not waited for: the end stands in for it (BAR-3). Else checkpoints that take longer than
    // their interval, and so follow each other without a gap, would keep the job from ever ending.
    if (input.ended && this.#capture === undefined && !this.#cut.underWay) {
      this.#phase = SubtaskPhase.FINISHING
      if (this.#chain.watermarkMs < Number.POSITIVE_INFINITY) this.#chain.beginWatermark(Number.POSITIVE_INFINITY)
      return true
    }
    const { ownTime } = this.#chain
    const { watermarkMs } = ownTime ?? input
    if (watermarkMs > this.#chain.watermarkMs) {
      this.#chain.beginWatermark(watermarkMs)
      return this.#chain.advance() ? this.#handOnProgress() || true : true
    }
    const idle = input.idle || (ownTime?.idle ?? false)
    if (idle !== this.#sentIdle) {
      // The receivers do not wait for what is held here once they have the word.
      if (idle && !this.#chain.flushHeld("idle")) return true
      this.#sentIdle = idle
      // At once, and behind all before it: a record that comes later makes the receiver count this channel again.
      if (idle) for (const channel of this.#outputs) channel.mark(IDLE)
      else if (this.#sentWatermarkMs > Number.NEGATIVE_INFINITY) {
        for (const channel of this.#outputs) channel.watermark(this.#sentWatermarkMs)
      }
      return true
    }
    return false
  }

  #finish(): StepOutcome {
    const moved = this.#flush(false)
    if (!this.#chain.advance()) return this.#held(moved)
    if (this.#chain.firing) return "progressed"
    if (!this.#finishBegun) {
      this.#finishBegun = true
      this.#metrics.set("watermarkMs", Number.POSITIVE_INFINITY)
      this.#chain.beginFinish()
      return "progressed"
    }
    this.input.close()
    this.#phase = SubtaskPhase.PREPARING
    return "progressed"
  }

  #end(): StepOutcome {
    if (!this.#endMarked) {
      this.#endMarked = true
      for (const channel of this.#outputs) channel.mark(END)
    }
    const moved = this.#flush(true)
    const drained = this.#outputs.every((channel) => channel.drained)
    this.#publishMetrics()
    if (!drained) return moved ? "progressed" : "blocked"
    this.#phase = SubtaskPhase.DONE
    this.#options.ended({
      parts: [],
      written: 0,
      prepared: this.#allUncommitted(),
      progress: [],
      watermarkMs: Number.POSITIVE_INFINITY,
      reachedMs: Number.POSITIVE_INFINITY,
      counts: this.#counts(
        this.#outputs.map((channel) => channel.recordsTaken),
        [],
        this.input.received,
        undefined,
      ),
    })
    return "done"
  }

  /** The barrier has come: freezes the state, sends the barrier on, and lets the sinks cut their output. */
  #takeCapture(mark: BarrierMark): void {
    const { checkpointId, bornMs, savepoint: standsAlone = false } = mark
    const chain = this.#chain
    const values = chain.captureValues()
    const input = this.input.passBarrier()
    const barrier = { kind: ElementKind.BARRIER, checkpointId, bornMs, ...(standsAlone ? { aligned: true } : {}) }
    const rests = this.#overtakes(mark)
      ? this.#outputs.map((channel) => channel.overtake(barrier))
      : this.#outputs.map((channel) => channel.mark(barrier))
    chain.endOverflow()
    const snapshot = new SubtaskSnapshot({
      checkpointId,
      kind: standsAlone ? "all" : this.#kindOfCapture(),
      standsAlone,
      tables: chain.tables,
      values,
      logs: this.#logs,
      inFlight: [input.inFlight, ...rests].filter((source) => source !== undefined),
      keyGroups: this.#options.keyGroups,
      now: this.#options.now,
      createPart: () => this.#options.createPart(checkpointId),
      wake: this.#wake,
    })
    const capture: Capture = {
      checkpointId,
      snapshot,
      input,
      // One that is still walking through the operators comes again: what it fires must leave before it does.
      watermarkMs: chain.walking ? this.#sentWatermarkMs : chain.watermarkMs,
      reachedMs: Math.max(chain.watermarkMs, input.owedMs ?? Number.NEGATIVE_INFINITY),
      sent: this.#outputs.map((channel) => channel.recordsTaken),
      kept: rests.map((rest) => rest?.records ?? 0),
      prepared: chain.hasSinks ? undefined : {},
    }
    this.#capture = capture
    if (!chain.hasSinks) return
    this.#cut.begin(checkpointId, (prepared) => {
      capture.prepared = prepared
      this.#keep(checkpointId, prepared)
    })
  }

  #kindOfCapture(): CaptureKind {
    if (!this.#options.incremental || !this.#logs.every((log) => log.finish())) return "all"
    return this.#parts.next(heldEntries(this.#chain))
  }

  /** Writes some more of the snapshot; acknowledges when it is durable. @returns true when it did something */
  #advanceCapture(capture: Capture, hasTime: boolean): boolean {
    const { checkpointId, snapshot, input, watermarkMs, reachedMs } = capture
    let moved: boolean
    try {
      moved = snapshot.step(hasTime)
    } catch (error) {
      // A checkpoint that fails is no failure of the job.
      snapshot.cancel()
      this.#capture = undefined
      this.#options.decline(checkpointId, error)
      return true
    }
    if (!snapshot.done || capture.prepared === undefined) return moved
    this.#capture = undefined
    this.#options.acknowledge(checkpointId, {
      parts: this.#partsWith(snapshot),
      written: snapshot.handle?.bytes ?? 0,
      prepared: this.#allUncommitted(),
      progress: input.progress,
      watermarkMs,
      reachedMs,
      counts: this.#counts(capture.sent, capture.kept, input.received, input.inFlight?.saved),
    })
    return true
  }

  /** The files that hold the state as a snapshot captured it. */
  #partsWith({ kind, standsAlone, handle, entries }: SubtaskSnapshot): readonly PartHandle[] {
    if (standsAlone) return handle === undefined ? [] : [handle]
    this.#parts.extend(kind, handle, entries)
    return this.#parts.parts
  }

  #keep(checkpointId: number, prepared: PreparedBySink): void {
    this.#uncommitted.push({ checkpointId, prepared })
  }

  #allUncommitted(): PreparedBySink {
    const all: Record<string, PreparedBySink[string]> = {}
    for (const { prepared } of this.#uncommitted) {
      for (const [operatorId, committables] of Object.entries(prepared)) {
        all[operatorId] = [...(all[operatorId] ?? []), ...committables]
      }
    }
    return all
  }

  #counts(
    sent: readonly number[],
    kept: readonly number[],
    received: readonly number[],
    saved: readonly number[] | undefined,
  ): SubtaskShare["counts"] {
    const { channels } = this.#options
    return {
      sent: sent.map((records, index) => ({ channel: channels.sent[index]!, records, kept: kept[index] ?? 0 })),
      received: received.map((records, index) => ({
        channel: channels.received[index]!,
        records,
        saved: saved?.[index] ?? 0,
      })),
    }
  }

  #await(begin: () => Promise<void>, then: SubtaskPhase): StepOutcome {
    if (this.#async === undefined) {
      const state: { settled: boolean; failure?: { readonly error: unknown } } = { settled: false }
      this.#async = state
      begin().then(
        () => {
          state.settled = true
          this.#wake()
        },
        (error: unknown) => {
          state.failure = { error }
          this.#wake()
        },
      )
    }
    if (this.#async.failure !== undefined) throw this.#async.failure.error
    if (!this.#async.settled) return this.#flush(true) ? "progressed" : "idle"
    this.#async = undefined
    this.#phase = then
    return "progressed"
  }

  /** No input could be taken: that is no idleness. */
  #noteHeld(): void {
    this.input.noteHeld?.()
    this.#chain.ownTime?.noteHeld()
  }

  /** Something downstream is at its bound. */
  #held(moved: boolean): StepOutcome {
    this.#noteHeld()
    this.#chain.flushSinks()
    this.#publishMetrics()
    return moved ? "progressed" : "blocked"
  }

  #flush(everything: boolean): boolean {
    let moved = false
    for (const channel of this.#outputs) moved = channel.flush(everything) || moved
    return moved
  }

  #publishMetrics(): void {
    const metrics = this.#metrics
    let inFlight = 0
    let sent = this.#chain.recordsWritten
    for (const channel of this.#outputs) {
      inFlight += channel.inFlightRecords
      sent += channel.recordsTaken
    }
    metrics.set("inFlight", inFlight)
    metrics.set("recordsOut", sent)
  }
}

/** Undefined when one of its tables does not count them. */
function heldEntries({ tables }: Chain): number | undefined {
  let held = 0
  for (const { table } of tables) {
    if (table.entryCount === undefined) return undefined
    held += table.entryCount
  }
  return held
}
