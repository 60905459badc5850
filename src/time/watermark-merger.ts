import { invariant } from "../errors/index.ts"

/** The answer of a `WatermarkMerger` whose combined watermark stayed where it was. Never a watermark, compare with `===`. */
export const NO_CHANGE: number = Number.NEGATIVE_INFINITY

const ChannelState = {
  /** Holds the minimum back: it has records, or may have some at any moment. */
  ACTIVE: 0,
  /** Said that it has no input at the moment: left out of the minimum until data or a watermark comes. */
  IDLE: 1,
  /** Said that nothing follows: left out for good. */
  DONE: 2,
} as const

/** One input channel as its receiver knows it. */
export interface ChannelProgress {
  /** Its own watermark: -Infinity before the first. */
  readonly watermarkMs: number
  readonly state: "active" | "idle" | "done"
}

/**
 * Merges the watermarks of one subtask's input channels, or of one source reader's splits. Pure. Times are event-time ms.
 *
 * - The combined watermark is the minimum over the channels that are neither idle nor done, and never goes back: an idle
 *   channel that becomes active behind it holds it where it is until it has caught up (TIM-1, TIM-2).
 * - All channels done: +Infinity, answered exactly once.
 * - No channel active, but not all done: the combined watermark holds and `idle` is true, to be handed on downstream.
 *   (Flink lets the largest watermark through here; then what a waking channel holds would be late, so we do not.)
 *
 * O(1) per call, but O(channels) when the channel that held the minimum moves.
 */
export class WatermarkMerger {
  readonly #marks: number[] = []
  readonly #states: number[] = []
  #active = 0
  #done = 0
  #combinedMs = Number.NEGATIVE_INFINITY

  /** @param channels how many inputs there are at the start: 0 or more, all active, none with a watermark */
  constructor(channels: number) {
    for (let channel = 0; channel < channels; channel++) this.addChannel()
  }

  /** The combined watermark now: -Infinity until every active channel has one. */
  get combinedMs(): number {
    return this.#combinedMs
  }

  /**
   * The channel that holds the combined watermark where it is: the active one that is furthest behind, the first of several.
   * -1 when no channel is active. O(channels): for reports, not for every record.
   */
  get holder(): number {
    let holder = -1
    for (let channel = 0; channel < this.#states.length; channel++) {
      if (this.#states[channel] !== ChannelState.ACTIVE) continue
      if (holder === -1 || this.#marks[channel]! < this.#marks[holder]!) holder = channel
    }
    return holder
  }

  /** What is known of a channel. */
  channel(channel: number): ChannelProgress {
    const state = this.#states[channel]
    invariant(state !== undefined, () => `channel ${channel} of ${this.#states.length} is unknown`)
    const names = { [ChannelState.ACTIVE]: "active", [ChannelState.IDLE]: "idle", [ChannelState.DONE]: "done" } as const
    return { watermarkMs: this.#marks[channel]!, state: names[state as 0 | 1 | 2] }
  }

  /** True when there is no active channel while some channel may still wake up: hand on IDLE, and take it back when false. */
  get idle(): boolean {
    return this.#active === 0 && this.#done < this.#states.length
  }

  /** True once every channel is done. */
  get done(): boolean {
    return this.#done === this.#states.length && this.#done > 0
  }

  /**
   * Adds an input, active and without a watermark, such as a newly assigned split; the place of a done one is reused.
   * It holds the combined watermark where it is. Whoever may add channels keeps one for what has not been added yet:
   * else the last known channel's end would be taken for the end of input (TIM-3).
   *
   * @returns the new channel's index
   */
  addChannel(): number {
    invariant(!this.done, "a channel was added to a WatermarkMerger after all of its channels were done")
    let channel = this.#done === 0 ? -1 : this.#states.indexOf(ChannelState.DONE)
    if (channel === -1) channel = this.#states.length
    else this.#done--
    this.#marks[channel] = Number.NEGATIVE_INFINITY
    this.#states[channel] = ChannelState.ACTIVE
    this.#active++
    return channel
  }

  /**
   * Takes a channel's watermark; an idle channel becomes active. One that goes back is passed over.
   * @returns the new combined watermark, or NO_CHANGE
   */
  observe(channel: number, watermarkMs: number): number {
    const woke = this.#wake(channel)
    const before = this.#marks[channel]!
    if (watermarkMs > before) this.#marks[channel] = watermarkMs
    else if (!woke) return NO_CHANGE
    // Only the channel that held the minimum can move it. After a waking channel the minimum may lie below the combined
    // watermark, hence <= and not ===.
    return woke || before <= this.#combinedMs ? this.#combine() : NO_CHANGE
  }

  /** The channel has no input at the moment and no longer holds the minimum back. @returns as `observe` */
  markIdle(channel: number): number {
    this.#refuseDone(channel)
    if (this.#states[channel] === ChannelState.IDLE) return NO_CHANGE
    this.#states[channel] = ChannelState.IDLE
    this.#active--
    return this.#combine()
  }

  /**
   * The channel delivered data: it counts again. To be called for every batch, before its records are taken; does nothing
   * unless the channel is idle.
   * @returns as `observe`: the first to wake up when all were idle may know of a later time than was held
   */
  markActive(channel: number): number {
    return this.#wake(channel) ? this.#combine() : NO_CHANGE
  }

  /** Nothing follows in the channel. @returns as `observe`; +Infinity for the last channel */
  markDone(channel: number): number {
    this.#refuseDone(channel)
    if (this.#states[channel] === ChannelState.ACTIVE) this.#active--
    this.#states[channel] = ChannelState.DONE
    this.#done++
    return this.#combine()
  }

  /** @returns true when the channel was idle */
  #wake(channel: number): boolean {
    if (this.#states[channel] === ChannelState.ACTIVE) return false
    this.#refuseDone(channel)
    this.#states[channel] = ChannelState.ACTIVE
    this.#active++
    return true
  }

  #combine(): number {
    let minimum = Number.POSITIVE_INFINITY
    if (this.#active === 0) {
      if (!this.done) return NO_CHANGE
    } else {
      for (let channel = 0; channel < this.#states.length; channel++) {
        if (this.#states[channel] === ChannelState.ACTIVE && this.#marks[channel]! < minimum)
          minimum = this.#marks[channel]!
      }
    }
    if (minimum <= this.#combinedMs) return NO_CHANGE
    this.#combinedMs = minimum
    return minimum
  }

  #refuseDone(channel: number): void {
    const state = this.#states[channel]
    invariant(
      state !== undefined && state !== ChannelState.DONE,
      () =>
        `channel ${channel} of ${this.#states.length} sent something though it is ${state === undefined ? "unknown" : "done"}`,
    )
  }
}
