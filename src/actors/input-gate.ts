import { invariant } from "../errors/index.ts"
import type { ChannelReceiver } from "../mailbox/index.ts"
import { type ControlElement, ElementKind, type RecordBatch } from "../records/index.ts"
import type { BarrierAction, BarrierHandler } from "../snapshot/index.ts"
import { WatermarkMerger } from "../time/index.ts"
import type { Chain } from "./chain.ts"
import type { BarrierMark, InputSnapshot, SubtaskInput } from "./subtask-input.ts"

export interface InputGateOptions {
  readonly channels: readonly ChannelReceiver[]
  /** Decides what barriers do. */
  readonly barriers: BarrierHandler
  now(): number
}

/**
 * All input channels of one subtask: reads them in turn, batch by batch, merges their watermarks, and follows the barrier
 * handler.
 *
 * It stops at every change of the merged watermark, so that the subtask can hand that on before the records behind it, and
 * when a capture is due. A batch is released, and its credit returned, when its last record has been taken.
 */
export class InputGate implements SubtaskInput {
  readonly #channels: readonly ChannelReceiver[]
  readonly #barriers: BarrierHandler
  readonly #now: () => number
  readonly #ended: boolean[]
  readonly #idle: boolean[]
  /** Not read until the handler lets go: aligned barriers. */
  readonly #held: boolean[]
  /** Records delivered, by channel. */
  readonly #received: number[]
  readonly #merger: WatermarkMerger
  #open: number
  #turn = 0
  #current: { readonly batch: RecordBatch; readonly channel: number; next: number } | undefined
  watermarkMs = Number.NEGATIVE_INFINITY
  barrierDue: BarrierMark | undefined

  constructor(options: InputGateOptions) {
    const { channels } = options
    this.#channels = channels
    this.#barriers = options.barriers
    this.#now = options.now
    this.#ended = channels.map(() => false)
    this.#idle = channels.map(() => false)
    this.#held = channels.map(() => false)
    this.#received = channels.map(() => 0)
    this.#merger = new WatermarkMerger(channels.length)
    this.#open = channels.length
  }

  get ended(): boolean {
    return this.#open === 0 && this.#current === undefined
  }

  get received(): readonly number[] {
    return [...this.#received]
  }

  get idle(): boolean {
    return this.#merger.idle
  }

  step(chain: Chain, budget: number): { readonly records: number; readonly moved: boolean } {
    let records = 0
    let moved = false
    while (records < budget) {
      const current = this.#current
      if (current === undefined) {
        if (!this.#takeNext()) break
        moved = true
        if (this.#current === undefined && this.#mustStop()) break
        continue
      }
      const to = Math.min(current.batch.values.length, current.next + budget - records)
      const next = chain.run(current.batch, current.next, to)
      records += next - current.next
      this.#received[current.channel]! += next - current.next
      current.next = next
      if (next === current.batch.values.length) {
        this.#channels[current.channel]!.release()
        this.#current = undefined
      }
      if (chain.blocked) break
    }
    this.watermarkMs = this.#merger.combinedMs
    return { records, moved: moved || records > 0 }
  }

  passBarrier(): InputSnapshot {
    this.barrierDue = undefined
    return { progress: undefined, received: this.received }
  }

  abortCheckpoint(checkpointId: number): void {
    if (this.barrierDue?.checkpointId === checkpointId) this.barrierDue = undefined
    this.#follow(this.#barriers.onAbort(checkpointId))
  }

  stop(): void {
    // Draining starts at the sources; a subtask with channels ends when its senders have.
  }

  close(): void {
    this.#current = undefined
  }

  /** Whether the subtask has to do something before more is taken. */
  #mustStop(): boolean {
    return this.barrierDue !== undefined || this.#open === 0 || this.#merger.combinedMs !== this.watermarkMs
  }

  /** Takes the next element of any channel, beginning behind the one served last. @returns false when there is none */
  #takeNext(): boolean {
    const count = this.#channels.length
    for (let offset = 0; offset < count; offset++) {
      const index = (this.#turn + offset) % count
      if (this.#ended[index] || this.#held[index]) continue
      const channel = this.#channels[index]!
      const element = channel.poll()
      if (element === undefined) continue
      this.#turn = index + 1
      if (element.kind === ElementKind.DATA) {
        if (this.#idle[index]) {
          this.#idle[index] = false
          this.#merger.markActive(index)
        }
        this.#current = { batch: element.batch, channel: index, next: 0 }
        return true
      }
      channel.release()
      this.#onControl(index, element)
      return true
    }
    return false
  }

  #onControl(index: number, element: ControlElement): void {
    switch (element.kind) {
      case ElementKind.WATERMARK:
        this.#idle[index] = false
        this.#merger.observe(index, element.timeMs)
        return
      case ElementKind.IDLE:
        this.#idle[index] = true
        this.#merger.markIdle(index)
        return
      case ElementKind.BARRIER:
        this.#follow(this.#barriers.onBarrier(index, element, this.#now()))
        return
      case ElementKind.END:
        this.#ended[index] = true
        this.#open -= 1
        this.#merger.markDone(index)
        this.#follow(this.#barriers.onEnd(index))
        return
    }
  }

  #follow(actions: readonly BarrierAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case "hold":
          this.#held[action.channel] = true
          break
        case "releaseAll":
          this.#held.fill(false)
          break
        case "capture":
          invariant(
            action.channelsToSave.length === 0,
            () => `checkpoint ${action.checkpointId} asks for records in flight of channels ${action.channelsToSave}`,
          )
          this.barrierDue = { checkpointId: action.checkpointId, bornMs: action.bornMs }
          break
        case "abort":
          if (this.barrierDue?.checkpointId === action.checkpointId) this.barrierDue = undefined
          break
        case "channelDone":
        case "complete":
          // Nothing in flight is saved: the capture is all there is.
          break
      }
    }
  }
}
