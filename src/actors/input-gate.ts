import { invariant } from "../errors/index.ts"
import type { ChannelReceiver } from "../mailbox/index.ts"
import { ElementKind, type RecordBatch } from "../records/index.ts"
import { WatermarkMerger } from "../time/index.ts"
import type { Chain } from "./chain.ts"
import type { SubtaskInput } from "./subtask-input.ts"

/**
 * All input channels of one subtask: reads them in turn, batch by batch, and merges their watermarks.
 *
 * It stops at every change of the merged watermark, so that the subtask can hand that on before the records behind it.
 * A batch is released, and its credit returned, when its last record has been taken.
 */
export class InputGate implements SubtaskInput {
  readonly #channels: readonly ChannelReceiver[]
  readonly #ended: boolean[]
  readonly #idle: boolean[]
  readonly #merger: WatermarkMerger
  #open: number
  #turn = 0
  #current: { readonly batch: RecordBatch; readonly channel: number; next: number } | undefined
  watermarkMs = Number.NEGATIVE_INFINITY

  constructor(channels: readonly ChannelReceiver[]) {
    this.#channels = channels
    this.#ended = channels.map(() => false)
    this.#idle = channels.map(() => false)
    this.#merger = new WatermarkMerger(channels.length)
    this.#open = channels.length
  }

  get ended(): boolean {
    return this.#open === 0 && this.#current === undefined
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
        if (this.#current === undefined && (this.#merger.combinedMs !== this.watermarkMs || this.#open === 0)) break
        continue
      }
      const to = Math.min(current.batch.values.length, current.next + budget - records)
      const next = chain.run(current.batch, current.next, to)
      records += next - current.next
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

  stop(): void {
    // Draining starts at the sources; a subtask with channels ends when its senders have.
  }

  close(): void {
    this.#current = undefined
  }

  /** Takes the next element of any channel, beginning behind the one served last. @returns false when there is none */
  #takeNext(): boolean {
    const count = this.#channels.length
    for (let offset = 0; offset < count; offset++) {
      const index = (this.#turn + offset) % count
      if (this.#ended[index]) continue
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

  #onControl(index: number, element: { readonly kind: ElementKind; readonly timeMs?: number }): void {
    switch (element.kind) {
      case ElementKind.WATERMARK:
        this.#idle[index] = false
        this.#merger.observe(index, element.timeMs!)
        return
      case ElementKind.IDLE:
        this.#idle[index] = true
        this.#merger.markIdle(index)
        return
      case ElementKind.END:
        this.#ended[index] = true
        this.#open -= 1
        this.#merger.markDone(index)
        return
      default:
        // Barriers come with the checkpoint coordinator; without one nobody sends them.
        invariant(false, () => `an element of kind ${element.kind} arrived on channel ${index}`)
    }
  }
}
