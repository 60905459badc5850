import type { Committable } from "../contracts/index.ts"
import type { SubtaskMetrics } from "../observe/index.ts"
import { END, IDLE } from "../records/index.ts"
import type { Chain } from "./chain.ts"
import type { OutChannel } from "./out-channel.ts"
import type { SubtaskInput } from "./subtask-input.ts"

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

export type StepOutcome = "progressed" | "idle" | "blocked" | "done"

/** Checkpoint id of the commit at the end of input. */
const FINAL_COMMIT = 0
/** Records per step: some hundred microseconds of common operators. */
const STEP_BUDGET = 1024

export interface SubtaskOptions {
  /** The vertex's index. */
  readonly vertex: number
  readonly subtask: number
  readonly input: SubtaskInput
  readonly chain: Chain
  readonly outputs: readonly OutChannel[]
  readonly metrics: SubtaskMetrics
  /** The worker's clock now. */
  readonly startedMs: number
  wake(): void
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
  /** What its sinks prepared, by operator id. */
  prepared: Readonly<Record<string, readonly Committable[]>> = {}

  constructor(options: SubtaskOptions) {
    this.vertex = options.vertex
    this.subtask = options.subtask
    this.input = options.input
    this.#chain = options.chain
    this.#outputs = options.outputs
    this.#metrics = options.metrics
    this.#wake = options.wake
    this.#lastEndMs = options.startedMs
  }

  open(): void {
    this.#chain.open()
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
    if (this.#lastOutcome === "blocked") this.#metrics.add("backpressuredMs", waitedMs)
    else if (this.#lastOutcome === "idle") this.#metrics.add("idleMs", waitedMs)
    this.#metrics.add(
      outcome === "blocked" ? "backpressuredMs" : outcome === "idle" ? "idleMs" : "busyMs",
      endMs - startMs,
    )
    this.#lastEndMs = endMs
    this.#lastOutcome = outcome
  }

  step(): StepOutcome {
    switch (this.#phase) {
      case SubtaskPhase.RUNNING:
        return this.#run()
      case SubtaskPhase.FINISHING:
        return this.#finish()
      case SubtaskPhase.PREPARING:
        return this.#await(
          () =>
            this.#chain.prepareCommit(FINAL_COMMIT).then((prepared) => {
              this.prepared = prepared
            }),
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
    if (this.#phase === SubtaskPhase.DONE || this.#phase === SubtaskPhase.ENDING) return
    this.#phase = SubtaskPhase.DONE
    // The failure that led here is the one to report; what closing adds to it helps nobody.
    await this.#chain.close(true).catch(() => undefined)
  }

  #run(): StepOutcome {
    let moved = this.#flush(false)
    if (!this.#chain.advance()) return this.#held(moved)
    if (this.#handOnProgress()) moved = true
    else {
      const { records, moved: inputMoved } = this.input.step(this.#chain, STEP_BUDGET)
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
    return moved ? "progressed" : this.#chain.blocked ? "blocked" : "idle"
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
    if (input.ended) {
      this.#phase = SubtaskPhase.FINISHING
      if (this.#chain.watermarkMs < Number.POSITIVE_INFINITY) this.#chain.beginWatermark(Number.POSITIVE_INFINITY)
      return true
    }
    if (input.watermarkMs > this.#chain.watermarkMs) {
      this.#chain.beginWatermark(input.watermarkMs)
      return this.#chain.advance() ? this.#handOnProgress() || true : true
    }
    if (input.idle !== this.#sentIdle) {
      this.#sentIdle = input.idle
      if (input.idle) for (const channel of this.#outputs) channel.idle(IDLE)
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
    return "done"
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

  /** Something downstream is at its bound. */
  #held(moved: boolean): StepOutcome {
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
