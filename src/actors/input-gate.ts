import { invariant } from "../errors/index.ts"
import type { Announcement, ChannelReceiver, QueuedData } from "../mailbox/index.ts"
import type { GateReport } from "../observe/index.ts"
import {
  BatchCodec,
  type ChannelElement,
  type ControlElement,
  ElementKind,
  RecordBatch,
  RecordCodec,
} from "../records/index.ts"
import type { BarrierAction, BarrierHandler } from "../snapshot/index.ts"
import { WatermarkMerger } from "../time/index.ts"
import type { Chain } from "./chain.ts"
import { GateCapture } from "./gate-capture.ts"
import type { ChannelPlace } from "./in-flight.ts"
import type { RestoredQueue } from "./restored-input.ts"
import type { BarrierMark, InputSnapshot, SubtaskInput } from "./subtask-input.ts"

export interface InputGateOptions {
  readonly channels: readonly ChannelReceiver[]
  /** Decides what barriers do. */
  readonly barriers: BarrierHandler
  /** On the clock of the barriers' birth. */
  now(): number
  /** Present when barriers may overtake records: what these channels are, for whoever restores what was in flight. */
  readonly overtaking?: {
    readonly places: readonly ChannelPlace[]
  }
}

/** The batch being delivered. */
interface Current {
  readonly batch: RecordBatch
  readonly channel: number
  next: number
  /** Where it comes from, if not from its channel. */
  readonly restored: RestoredQueue | undefined
}

/**
 * All input channels of one subtask: reads them in turn, batch by batch, merges their watermarks, and follows the barrier
 * handler.
 *
 * It stops at every change of the merged watermark, so that the subtask can hand that on before the records behind it, and
 * when a capture is due. A batch is released, and its credit returned, when its last record has been taken.
 *
 * Where barriers overtake, `notice` sees those that were announced beside the queues; a `GateCapture` copies what they
 * overtook. What a restore brought back of an earlier one is delivered before anything of the channels (UC-4), and judged late
 * by the watermark that its receiver had, not by that of another subtask whose keys are here now.
 */
export class InputGate implements SubtaskInput {
  readonly #channels: readonly ChannelReceiver[]
  readonly #barriers: BarrierHandler
  readonly #now: () => number
  readonly #overtaking: InputGateOptions["overtaking"]
  readonly #ended: boolean[]
  readonly #idle: boolean[]
  /** Not read until the handler lets go: aligned barriers. */
  readonly #held: boolean[]
  /** Records delivered, by channel. Begins at minus those that a restore brought back. */
  readonly #received: number[]
  /** The announcement last seen, by channel. */
  readonly #noticed: (Announcement | undefined)[]
  readonly #merger: WatermarkMerger
  #open: number
  #turn = 0
  #current: Current | undefined
  #restored: RestoredQueue[] = []
  /** Where what is restored was judged: no record is handed on before the chain is there. */
  #restoredMs = Number.NEGATIVE_INFINITY
  readonly #codec = new BatchCodec(new RecordCodec())
  /** Of the checkpoint captured last, while ranges in flight are copied. */
  #capture: GateCapture | undefined
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
    this.#overtaking = options.overtaking
    this.#received = channels.map(() => 0)
    this.#noticed = channels.map(() => undefined)
    this.#merger = new WatermarkMerger(channels.length)
    this.#open = channels.length
  }

  /** Before the first step: delivers these first, in this order. */
  restore(queues: readonly RestoredQueue[]): void {
    this.#restored = [...queues]
    for (const { account, records } of queues) this.#received[account]! -= records
  }

  notice(): void {
    if (this.#overtaking === undefined) return
    const channels = this.#channels
    for (let index = 0; index < channels.length; index++) {
      if (this.#ended[index]) continue
      const { announcement } = channels[index]!
      if (announcement === this.#noticed[index]) continue
      this.#noticed[index] = announcement
      this.#follow(this.#barriers.onAnnouncement(index, announcement!, this.#now()))
    }
    if (this.#barriers.deadlineMs === Number.POSITIVE_INFINITY) return
    this.#follow(this.#barriers.onTick(this.#now()))
  }

  get barrierDeadlineMs(): number {
    return this.#barriers.deadlineMs
  }

  get ended(): boolean {
    return this.#open === 0 && this.#current === undefined && this.#restored.length === 0
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
    if (chain.watermarkMs < this.#restoredMs) return { records, moved }
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
        if (current.restored === undefined) this.#channels[current.channel]!.release()
        this.#current = undefined
      }
      if (chain.blocked) break
    }
    this.watermarkMs = this.#combinedMs
    return { records, moved: moved || records > 0 }
  }

  passBarrier(): InputSnapshot {
    this.barrierDue = undefined
    const capture = this.#capture
    return {
      progress: [],
      received: this.received,
      owedMs: Math.max(this.#restoredMs, this.#restored.at(-1)?.watermarkMs ?? Number.NEGATIVE_INFINITY),
      ...(capture === undefined ? {} : { inFlight: capture }),
    }
  }

  abortCheckpoint(checkpointId: number): void {
    this.#giveUp(checkpointId)
    this.#follow(this.#barriers.onAbort(checkpointId))
  }

  report(): GateReport {
    const holder = this.#merger.holder
    return {
      type: "channels",
      watermarkMs: this.#combinedMs,
      channels: this.#channels.map((_, channel) => ({
        channel,
        ...this.#merger.channel(channel),
        held: this.#held[channel]!,
      })),
      holder: holder === -1 ? undefined : holder,
    }
  }

  stop(): void {
    // Draining starts at the sources; a subtask with channels ends when its senders have.
  }

  close(): void {
    this.#current = undefined
  }

  /** Whether the subtask has to do something before more is taken. */
  #mustStop(): boolean {
    return this.barrierDue !== undefined || this.#open === 0 || this.#combinedMs !== this.watermarkMs
  }

  get #combinedMs(): number {
    return Math.max(this.#merger.combinedMs, this.#restoredMs)
  }

  /** Takes the next element of any channel, beginning behind the one served last. @returns false when there is none */
  #takeNext(): boolean {
    if (this.#restored.length > 0) return this.#takeRestored()
    const capture = this.#capture
    const count = this.#channels.length
    for (let offset = 0; offset < count; offset++) {
      const index = (this.#turn + offset) % count
      if (this.#ended[index] || this.#held[index]) continue
      if (capture !== undefined && !capture.mayRead(index)) continue
      const channel = this.#channels[index]!
      const element = channel.poll()
      if (element === undefined) continue
      if (capture !== undefined) this.#copyPolled(capture, index, element)
      this.#turn = index + 1
      if (element.kind === ElementKind.DATA) {
        if (this.#idle[index]) {
          this.#idle[index] = false
          this.#merger.markActive(index)
        }
        this.#current = { batch: element.batch, channel: index, next: 0, restored: undefined }
        return true
      }
      channel.release()
      this.#onControl(index, element)
      return true
    }
    return false
  }

  /** Takes the next element of what a restore brought back. */
  #takeRestored(): boolean {
    const queue = this.#restored[0]!
    if (queue.watermarkMs > this.#restoredMs) {
      this.#restoredMs = queue.watermarkMs
      return true
    }
    const element = queue.shift()
    if (element === undefined) {
      this.#restored.shift()
      return true
    }
    if (element.kind === ElementKind.DATA) {
      const { content } = element
      const batch = content instanceof RecordBatch ? content : this.#codec.decode(content)
      this.#current = { batch, channel: queue.account, next: 0, restored: queue }
    }
    return true
  }

  #copyPolled(capture: GateCapture, index: number, element: ChannelElement): void {
    if (capture.done) {
      this.#capture = undefined
    } else if (element.kind === ElementKind.DATA) {
      capture.polled(index, { kind: element.kind, records: element.batch.size, content: element.batch })
    } else {
      capture.polled(index, element)
    }
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
          this.#beginCapture(action)
          break
        case "channelDone":
          this.#capture?.end(action.channel)
          break
        case "abort":
          this.#giveUp(action.checkpointId)
          break
        case "complete":
          // What is copied by then, and what is still to be copied, the capture knows itself.
          break
      }
    }
  }

  #beginCapture(action: BarrierAction & { readonly type: "capture" }): void {
    const { checkpointId, bornMs, channelsToSave, aligned = false } = action
    this.barrierDue = { checkpointId, bornMs, ...(aligned ? { savepoint: true } : {}) }
    this.#capture = undefined
    if (this.#overtaking === undefined || aligned) {
      invariant(
        channelsToSave.length === 0 && this.#restored.length === 0,
        () => `checkpoint ${checkpointId} asks for records in flight of channels ${channelsToSave}`,
      )
      return
    }
    const { places } = this.#overtaking
    const current = this.#current
    const rest = current && restOf(current)
    this.#capture = new GateCapture({
      checkpointId,
      toSave: channelsToSave,
      channels: this.#channels.map((receiver, channel) => {
        const held = current?.restored === undefined && current?.channel === channel ? rest : undefined
        return {
          place: places[channel]!,
          receiver,
          ended: this.#ended[channel]!,
          position: receiver.position - (held?.records ?? 0),
          held,
        }
      }),
      restored: this.#restored.map((queue) =>
        queue.rest(queue === current?.restored ? this.#encoded(rest!) : undefined),
      ),
    })
  }

  /** A batch whose records are about to be delivered, as bytes that stay as they are. */
  #encoded(data: QueuedData): QueuedData {
    return { ...data, content: this.#codec.encode(data.content as RecordBatch) }
  }

  #giveUp(checkpointId: number): void {
    if (this.barrierDue?.checkpointId === checkpointId) this.barrierDue = undefined
    if (this.#capture?.checkpointId !== checkpointId) return
    this.#capture.cancel()
    this.#capture = undefined
  }
}

/** What of a batch has not been delivered. */
function restOf({ batch, next }: Current): QueuedData {
  const keyHashes = batch.keyHashes.length === 0 ? [] : batch.keyHashes.slice(next)
  const rest = new RecordBatch(batch.values.slice(next), batch.times.slice(next), keyHashes)
  return { kind: ElementKind.DATA, records: rest.size, content: rest }
}
