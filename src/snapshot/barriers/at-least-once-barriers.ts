import { OpenChannels } from "./_open-channels.ts"
import type { Barrier, BarrierAbortReason, BarrierAction, BarrierHandler } from "./barrier-handler.ts"

/** Checkpoints counted at a time. The coordinator runs one at a time, so more than one waits only after faults. */
const MAX_PENDING = 8

interface Pending {
  readonly checkpointId: number
  readonly bornMs: number
  readonly marked: { readonly aligned?: true }
  readonly delivered: boolean[]
  /** Open channels that have not delivered it: 0 only for the length of one event. */
  missing: number
}

/**
 * At least once: barriers are counted and no channel is ever held (BAR-4). Records behind a barrier that come before the
 * capture are in the state, and will be read again after a restore: applied twice then, never lost.
 *
 * Its state is the list of counts, oldest checkpoint first; a checkpoint goes from unknown to counted, to over. Unlike in
 * `AlignedBarriers` a newer barrier ends an older checkpoint only if the channel still owed the older one, which then
 * cannot come any more: a fast channel may be a checkpoint ahead of a slow one.
 */
export class AtLeastOnceBarriers implements BarrierHandler {
  readonly #open: OpenChannels
  readonly #pending: Pending[] = []
  /** The newest checkpoint heard of: one not newer and not pending is over. */
  #newestId = 0
  readonly #actions: BarrierAction[] = []
  readonly deadlineMs = Number.POSITIVE_INFINITY

  constructor(channels: number) {
    this.#open = new OpenChannels(channels)
  }

  get pendingId(): number | undefined {
    return this.#pending.at(-1)?.checkpointId
  }

  onBarrier(channel: number, barrier: Barrier): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#open.check(channel)
    const { checkpointId } = barrier
    this.#giveUp("subsumed", (older) => older.checkpointId < checkpointId && !older.delivered[channel])
    if (checkpointId > this.#newestId) this.#begin(barrier)
    const pending = this.#pending.find((candidate) => candidate.checkpointId === checkpointId)
    if (pending === undefined || pending.delivered[channel]) return this.#actions
    pending.delivered[channel] = true
    pending.missing -= 1
    this.#captureNewest()
    return this.#actions
  }

  onAnnouncement(): readonly BarrierAction[] {
    this.#actions.length = 0
    return this.#actions
  }

  onEnd(channel: number): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#open.end(channel)
    for (const pending of this.#pending) if (!pending.delivered[channel]) pending.missing -= 1
    this.#captureNewest()
    return this.#actions
  }

  onAbort(checkpointId: number): readonly BarrierAction[] {
    this.#actions.length = 0
    this.#giveUp("subsumed", (older) => older.checkpointId < checkpointId)
    this.#giveUp("aborted", (pending) => pending.checkpointId === checkpointId)
    this.#newestId = Math.max(this.#newestId, checkpointId)
    return this.#actions
  }

  onTick(): readonly BarrierAction[] {
    this.#actions.length = 0
    return this.#actions
  }

  #begin({ checkpointId, bornMs, aligned }: Barrier): void {
    const oldest = this.#pending[0]
    if (oldest !== undefined && this.#pending.length === MAX_PENDING) {
      this.#giveUp("too many pending", (pending) => pending === oldest)
    }
    this.#newestId = checkpointId
    const delivered = Array.from({ length: this.#open.length }, () => false)
    const marked = aligned === true ? ({ aligned } as const) : {}
    this.#pending.push({ checkpointId, bornMs, marked, delivered, missing: this.#open.count })
  }

  /** Captures the newest checkpoint that misses nothing. Older ones that the same end would complete are of no use then. */
  #captureNewest(): void {
    const at = this.#pending.findLastIndex((pending) => pending.missing === 0)
    const captured = this.#pending[at]
    if (captured === undefined) return
    const { checkpointId, bornMs, marked } = captured
    this.#giveUp("subsumed", (older) => older.checkpointId < checkpointId)
    this.#pending.shift()
    this.#actions.push(
      { type: "capture", checkpointId, bornMs, channelsToSave: [], ...marked },
      { type: "complete", checkpointId },
    )
  }

  #giveUp(reason: BarrierAbortReason, which: (pending: Pending) => boolean): void {
    let kept = 0
    for (const pending of this.#pending) {
      if (which(pending)) this.#actions.push({ type: "abort", checkpointId: pending.checkpointId, reason })
      else this.#pending[kept++] = pending
    }
    this.#pending.length = kept
  }
}
