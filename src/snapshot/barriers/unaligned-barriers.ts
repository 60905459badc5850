import { invariant } from "../../errors/index.ts"
import { OpenChannels } from "./_open-channels.ts"
import type { Barrier, BarrierAbortReason, BarrierAction, BarrierHandler } from "./barrier-handler.ts"

const Phase = {
  /** No checkpoint is under way: waits for a first barrier, announced or taken. */
  IDLE: "idle",
  /** Not captured. Channels that delivered the barrier are held: waits for the other barriers or ends, or for the deadline. */
  ALIGNING: "aligning",
  /** Captured, nothing is held. Records behind the capture are saved: waits for the barriers or ends of the channels saved. */
  SAVING: "saving",
} as const
type Phase = (typeof Phase)[keyof typeof Phase]

/** How far the barrier under way has come in a channel. */
const Mark = { NONE: 0, ANNOUNCED: 1, TAKEN: 2 } as const
type Mark = (typeof Mark)[keyof typeof Mark]

/**
 * Exactly once by saving: aligns at first; when the barrier is older than `timeoutMs`, captures at once and saves what is
 * in flight on the channels that have not delivered it. With `timeoutMs` 0 the first sign of a barrier captures, so that
 * the time a checkpoint takes does not depend on what is queued (BAR-7), at the price of larger snapshots.
 *
 * The clock counts from the barrier's birth at the coordinator, not from its arrival here: else every subtask on the way
 * would wait anew (BAR-5, FLINK-23041). A channel held at the switch had delivered all before its barrier, so none of it
 * is saved; the others are saved from where they stand, so a record is saved or was delivered, never both.
 *
 * Source: Carbone et al., State Management in Apache Flink, VLDB 2017; FLIP-76. Unlike there, the switch is each
 * receiver's own: the sender only announces the barrier, and its place in the queue stays as it was.
 */
export class UnalignedBarriers implements BarrierHandler {
  readonly #open: OpenChannels
  readonly #timeoutMs: number
  #phase: Phase = Phase.IDLE
  /** The newest checkpoint heard of. The one under way unless IDLE; done with, or aborted, while IDLE. */
  #newestId = 0
  #bornMs = 0
  #aligned = false
  #deadlineMs = Number.POSITIVE_INFINITY
  readonly #marks: Mark[]
  /** Open channels that are not done: while ALIGNING with their barrier not taken, while SAVING with no sign of it. */
  #missing = 0
  #holds = false
  readonly #actions: BarrierAction[] = []

  /** @param options.timeoutMs >= 0; 0 is unaligned from the start, Infinity never unaligned */
  constructor(channels: number, options: { readonly timeoutMs: number }) {
    invariant(options.timeoutMs >= 0, () => `an alignment timeout of ${options.timeoutMs} ms was asked for`)
    this.#open = new OpenChannels(channels)
    this.#timeoutMs = options.timeoutMs
    this.#marks = Array.from({ length: channels }, () => Mark.NONE)
  }

  get deadlineMs(): number {
    return this.#phase === Phase.ALIGNING ? this.#deadlineMs : Number.POSITIVE_INFINITY
  }

  get pendingId(): number | undefined {
    return this.#phase === Phase.IDLE ? undefined : this.#newestId
  }

  onBarrier(channel: number, barrier: Barrier, nowMs: number): readonly BarrierAction[] {
    const taken = this.#marks[channel] === Mark.TAKEN && this.#phase === Phase.ALIGNING
    invariant(!taken, () => `channel ${channel} delivered barrier ${barrier.checkpointId} while held`)
    return this.#onMark(channel, barrier, Mark.TAKEN, nowMs)
  }

  onAnnouncement(channel: number, barrier: Barrier, nowMs: number): readonly BarrierAction[] {
    return this.#onMark(channel, barrier, Mark.ANNOUNCED, nowMs)
  }

  onEnd(channel: number): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#open.end(channel)
    const mark = this.#marks[channel]
    switch (this.#phase) {
      case Phase.IDLE:
        break
      case Phase.ALIGNING:
        if (mark !== Mark.TAKEN) this.#missing -= 1
        if (this.#missing === 0) this.#capture()
        break
      case Phase.SAVING:
        if (mark === Mark.NONE) this.#channelDone(channel)
        break
    }
    return this.#actions
  }

  onAbort(checkpointId: number): readonly BarrierAction[] {
    this.#actions.length = 0
    if (checkpointId < this.#newestId) return this.#actions
    if (this.#phase !== Phase.IDLE) this.#giveUp(checkpointId === this.#newestId ? "aborted" : "subsumed")
    this.#newestId = checkpointId
    return this.#actions
  }

  onTick(nowMs: number): readonly BarrierAction[] {
    this.#actions.length = 0
    if (this.#phase === Phase.ALIGNING && nowMs >= this.#deadlineMs) this.#capture()
    return this.#actions
  }

  #onMark(channel: number, barrier: Barrier, mark: Mark, nowMs: number): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#open.check(channel)
    const { checkpointId } = barrier
    if (checkpointId < this.#newestId) return this.#actions
    if (checkpointId > this.#newestId) {
      if (this.#phase !== Phase.IDLE) this.#giveUp("subsumed")
      this.#begin(barrier)
    }
    const before = this.#marks[channel]!
    // An announcement noticed late, when the barrier was already taken, says nothing new.
    if (this.#phase !== Phase.IDLE && mark <= before) return this.#actions
    switch (this.#phase) {
      case Phase.IDLE:
        // Complete or aborted: its barriers are still on their way.
        break
      case Phase.ALIGNING:
        this.#marks[channel] = mark
        if (mark === Mark.TAKEN) this.#missing -= 1
        if (this.#missing === 0 || nowMs >= this.#deadlineMs) this.#capture()
        else if (mark === Mark.TAKEN) {
          this.#holds = true
          this.#actions.push({ type: "hold", channel })
        }
        break
      case Phase.SAVING:
        this.#marks[channel] = mark
        if (before === Mark.NONE) this.#channelDone(channel)
        break
    }
    return this.#actions
  }

  #begin({ checkpointId, bornMs, aligned }: Barrier): void {
    this.#phase = Phase.ALIGNING
    this.#newestId = checkpointId
    this.#bornMs = bornMs
    this.#aligned = aligned === true
    this.#deadlineMs = this.#aligned
      ? Number.POSITIVE_INFINITY
      : this.#timeoutMs === 0
        ? Number.NEGATIVE_INFINITY
        : bornMs + this.#timeoutMs
    this.#marks.fill(Mark.NONE)
    this.#missing = this.#open.count
  }

  #capture(): void {
    const checkpointId = this.#newestId
    const channelsToSave: number[] = []
    for (let channel = 0; channel < this.#open.length; channel++) {
      if (this.#open.isOpen(channel) && this.#marks[channel] !== Mark.TAKEN) channelsToSave.push(channel)
    }
    const aligned = this.#aligned ? ({ aligned: true } as const) : {}
    this.#actions.push({ type: "capture", checkpointId, bornMs: this.#bornMs, channelsToSave, ...aligned })
    this.#release()
    this.#phase = Phase.SAVING
    this.#missing = channelsToSave.length
    if (this.#missing === 0) this.#complete()
    for (const channel of channelsToSave) {
      if (this.#marks[channel] === Mark.ANNOUNCED) this.#channelDone(channel)
    }
  }

  #channelDone(channel: number): void {
    this.#actions.push({ type: "channelDone", checkpointId: this.#newestId, channel })
    this.#missing -= 1
    if (this.#missing === 0) this.#complete()
  }

  #complete(): void {
    this.#actions.push({ type: "complete", checkpointId: this.#newestId })
    this.#phase = Phase.IDLE
  }

  #giveUp(reason: BarrierAbortReason): void {
    this.#actions.push({ type: "abort", checkpointId: this.#newestId, reason })
    this.#release()
    this.#phase = Phase.IDLE
  }

  #release(): void {
    if (!this.#holds) return
    this.#holds = false
    this.#actions.push({ type: "releaseAll" })
  }
}
