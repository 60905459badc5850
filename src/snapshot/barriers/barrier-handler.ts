/** A checkpoint's mark as it arrives in a channel. A `BarrierElement` is one. */
export interface Barrier {
  /** Integer > 0; ids of one job strictly increase, over attempts too. */
  readonly checkpointId: number
  /** When the coordinator asked for the checkpoint, on the clock that `nowMs` comes from. Equal in all barriers of one checkpoint. */
  readonly bornMs: number
  /** True for a checkpoint that must not save records in flight, such as a savepoint: it never turns unaligned (FLINK-18252). */
  readonly aligned?: boolean
}

/** Why a handler gave a checkpoint up. */
export type BarrierAbortReason =
  /** `onAbort` said so. */
  | "aborted"
  /** A newer checkpoint was asked for or aborted: the older one is over, wherever its barriers are. */
  | "subsumed"
  /** More checkpoints were begun than the handler keeps count of: the oldest one went. */
  | "too many pending"

/** What the input gate is to do. To be followed in the order of the list, before the gate reads on. */
export type BarrierAction =
  /** Take nothing more from this channel, until `releaseAll`. Its barrier was the last thing taken from it. */
  | { readonly type: "hold"; readonly channel: number }
  /** All held channels may be read again. */
  | { readonly type: "releaseAll" }
  /**
   * Capture the subtask's state now and then forward the barrier: before anything more is delivered to the operators, and
   * with nothing emitted in between (CUT-2, CUT-4). What the operators still hold back from records they were given, such
   * as the rest of a `flatMap`, is emitted first.
   *
   * For each of `channelsToSave` the range of records in flight begins here: whatever comes behind the last record
   * delivered from it, up to its barrier, belongs to the checkpoint, *and* is delivered as usual (UC-3). Wherever those
   * records are: in the batch being read, in the queue, in fragments. Where the range ends is not known yet: `channelDone`.
   * Ranges of an older checkpoint are over before: by its `complete`, or an `abort` earlier in the list.
   */
  | {
      readonly type: "capture"
      readonly checkpointId: number
      readonly bornMs: number
      /** Ascending; empty when aligned and when at least once. */
      readonly channelsToSave: readonly number[]
      /** The barrier asked to be aligned, and is to be forwarded so. */
      readonly aligned?: true
    }
  /**
   * The range of this channel ends at its barrier, which is in the queue or was just taken from it; or at its end, for a
   * channel that ended. What of the range is still queued can be copied at once, without waiting for its delivery; its
   * credit stays with the gate until it is copied (UC-2). An older barrier within the range is not part of it (UC-5).
   * Once for each of `channelsToSave`, unless the checkpoint is aborted before.
   */
  | { readonly type: "channelDone"; readonly checkpointId: number; readonly channel: number }
  /**
   * All ranges have ended. When they are copied and the state is written, the subtask acknowledges. Follows every
   * `capture` in the same list, or later when channels are to be saved; or an `abort` comes instead.
   */
  | { readonly type: "complete"; readonly checkpointId: number }
  /**
   * The handler gave this checkpoint up before its `complete`. If it was captured, drop the capture and the copied
   * ranges; if not, its barrier is never forwarded. Nothing of this checkpoint follows.
   */
  | { readonly type: "abort"; readonly checkpointId: number; readonly reason: BarrierAbortReason }

/**
 * Decides, for one subtask with some input channels, when its snapshot is taken. Pure: one event in, a list of actions
 * out. Events of a channel come in the channel's order. Three implementations with one behaviour suite.
 *
 * Promises
 * - At most one `capture` per checkpoint, ids strictly increasing (BAR-2). A barrier of a checkpoint that was captured,
 *   aborted or subsumed is ignored: pass over it and read on.
 * - A channel that has ended counts as having delivered every later barrier (BAR-3).
 * - An abort may come at any time: before the first barrier, while some have come, after the capture, after `complete`. It
 *   leaves everything as if the checkpoint had never been asked for (BAR-6), and no channel held.
 * - Every `hold` is followed by a `releaseAll`, if all channels deliver the barrier or end, or the checkpoint is aborted.
 *
 * The list is reused: it is valid until the next call. O(channels) per checkpoint and event of it, O(1) otherwise.
 * Throws INVARIANT_BROKEN when a channel delivers something while held, or after its end.
 */
export interface BarrierHandler {
  /** A barrier was taken from the channel: everything before it has been delivered. */
  onBarrier(channel: number, barrier: Barrier, nowMs: number): readonly BarrierAction[]
  /**
   * A barrier is in the channel's queue, not taken yet, with everything that the receiver has to save of what is before
   * it. Need not come: without it the barrier is noticed when it is taken. One that comes after its `onBarrier` is ignored.
   * Only `UnalignedBarriers` does something with it.
   */
  onAnnouncement(channel: number, barrier: Barrier, nowMs: number): readonly BarrierAction[]
  /** The end was taken from the channel. Once. */
  onEnd(channel: number): readonly BarrierAction[]
  /**
   * The coordinator gave the checkpoint up. Answers nothing when the handler is done with it: who writes a captured
   * snapshot hears of the abort in another way than by this handler.
   */
  onAbort(checkpointId: number): readonly BarrierAction[]
  /** The clock stands at `nowMs`. Needed at `deadlineMs`, allowed at any time. */
  onTick(nowMs: number): readonly BarrierAction[]
  /** When `onTick` may have an effect, unless something else happens before; Infinity for never. */
  readonly deadlineMs: number
  /** The newest checkpoint under way here, begun and not yet `complete`; undefined when there is none. */
  readonly pendingId: number | undefined
}
