import { invariant } from "../../errors/index.ts"
import { OpenChannels } from "./_open-channels.ts"
import type { Barrier, BarrierAbortReason, BarrierAction, BarrierHandler } from "./barrier-handler.ts"

const Phase = {
  /** No checkpoint is under way: waits for a first barrier. */
  IDLE: "idle",
  /** Channels that delivered the barrier are held: waits for the barriers, or the ends, of the others. */
  ALIGNING: "aligning",
} as const
type Phase = (typeof Phase)[keyof typeof Phase]

/**
 * Exactly once by holding: a channel whose barrier has come is not read until those of all others have (BAR-1). So no
 * record in flight needs to be saved, at the price that the slowest channel holds the others back.
 *
 * Source: Carbone et al., Lightweight Asynchronous Snapshots for Distributed Dataflows, 2015, algorithm 1.
 */
export class AlignedBarriers implements BarrierHandler {
  readonly #open: OpenChannels
  readonly #held: boolean[]
  #phase: Phase = Phase.IDLE
  /** The newest checkpoint heard of. The one under way while ALIGNING; done with, or aborted, while IDLE. */
  #newestId = 0
  #bornMs = 0
  #marked: { readonly aligned?: true } = {}
  /** Channels neither held nor ended: 0 only for the length of one event. */
  #missing = 0
  readonly #actions: BarrierAction[] = []
  readonly deadlineMs = Number.POSITIVE_INFINITY

  constructor(channels: number) {
    this.#open = new OpenChannels(channels)
    this.#held = Array.from({ length: channels }, () => false)
  }

  get pendingId(): number | undefined {
    return this.#phase === Phase.ALIGNING ? this.#newestId : undefined
  }

  onBarrier(channel: number, barrier: Barrier): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#open.check(channel)
    invariant(!this.#held[channel], () => `channel ${channel} delivered barrier ${barrier.checkpointId} while held`)
    const { checkpointId } = barrier
    switch (this.#phase) {
      case Phase.IDLE:
        if (checkpointId <= this.#newestId) return this.#actions
        this.#begin(barrier)
        break
      case Phase.ALIGNING:
        if (checkpointId < this.#newestId) return this.#actions
        if (checkpointId > this.#newestId) {
          this.#giveUp("subsumed")
          this.#begin(barrier)
        }
        break
    }
    this.#missing -= 1
    if (this.#missing === 0) this.#capture()
    else {
      this.#held[channel] = true
      this.#actions.push({ type: "hold", channel })
    }
    return this.#actions
  }

  onAnnouncement(): readonly BarrierAction[] {
    this.#actions.length = 0
    return this.#actions
  }

  onEnd(channel: number): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#open.end(channel)
    switch (this.#phase) {
      case Phase.IDLE:
        break
      case Phase.ALIGNING:
        if (!this.#held[channel]) this.#missing -= 1
        if (this.#missing === 0) this.#capture()
        break
    }
    return this.#actions
  }

  onAbort(checkpointId: number): readonly BarrierAction[] {
    this.#actions.length = 0
    if (checkpointId < this.#newestId) return this.#actions
    switch (this.#phase) {
      case Phase.IDLE:
        break
      case Phase.ALIGNING:
        this.#giveUp(checkpointId === this.#newestId ? "aborted" : "subsumed")
        break
    }
    this.#newestId = checkpointId
    return this.#actions
  }

  onTick(): readonly BarrierAction[] {
    this.#actions.length = 0
    return this.#actions
  }

  #begin(barrier: Barrier): void {
    this.#phase = Phase.ALIGNING
    this.#newestId = barrier.checkpointId
    this.#bornMs = barrier.bornMs
    this.#marked = barrier.aligned === true ? { aligned: true } : {}
    this.#missing = this.#open.count
  }

  #capture(): void {
    const checkpointId = this.#newestId
    this.#actions.push({ type: "capture", checkpointId, bornMs: this.#bornMs, channelsToSave: [], ...this.#marked })
    this.#release()
    this.#actions.push({ type: "complete", checkpointId })
    this.#phase = Phase.IDLE
  }

  #giveUp(reason: BarrierAbortReason): void {
    this.#actions.push({ type: "abort", checkpointId: this.#newestId, reason })
    this.#release()
    this.#phase = Phase.IDLE
  }

  #release(): void {
    if (!this.#held.includes(true)) return
    this.#held.fill(false)
    this.#actions.push({ type: "releaseAll" })
  }
}
