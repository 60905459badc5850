import type { Output } from "../contracts/index.ts"
import type { Exchange } from "../plan/index.ts"
import { hashKey, type Key, keyGroupOf, subtaskOfKeyGroup } from "../state/index.ts"
import { operatorFailure } from "./operator-failure.ts"
import type { OutChannel } from "./out-channel.ts"
import type { Pressure } from "./pressure.ts"

/** One edge as its sender sees it: an output that picks the channel for each record. */
export interface EdgeWriter extends Output<unknown> {
  readonly channels: readonly OutChannel[]
}

export interface EdgeWriterOptions {
  readonly exchange: Exchange
  /** By receiver, in ascending order of the receiver's subtask. Forward and rescale edges name only those they reach. */
  readonly channels: readonly OutChannel[]
  readonly pressure: Pressure
  readonly subtask: number
  readonly keyGroups: number
  readonly keyOf: ((value: unknown) => Key) | undefined
  /** Id of the receiving operator: named when the key function fails. */
  readonly consumerId: string
}

/** Makes the writer of an edge's exchange. */
export function createEdgeWriter(options: EdgeWriterOptions): EdgeWriter {
  if (options.exchange === "hash") return new HashWriter(options)
  if (options.exchange === "broadcast") return new BroadcastWriter(options)
  if (options.channels.length === 1) return new OneChannelWriter(options)
  return new RoundRobinWriter(options)
}

abstract class Writer {
  readonly channels: readonly OutChannel[]
  readonly #pressure: Pressure

  constructor(options: EdgeWriterOptions) {
    this.channels = options.channels
    this.#pressure = options.pressure
  }

  get full(): boolean {
    return this.#pressure.channelsFull
  }
}

class OneChannelWriter extends Writer implements EdgeWriter {
  emit(value: unknown, timeMs: number): void {
    this.channels[0]!.append(value, timeMs)
  }
}

/** Deals records out in turn; each sender begins at its own number, so that few records do not all land on receiver 0. */
class RoundRobinWriter extends Writer implements EdgeWriter {
  #next: number

  constructor(options: EdgeWriterOptions) {
    super(options)
    this.#next = options.subtask % options.channels.length
  }

  emit(value: unknown, timeMs: number): void {
    this.channels[this.#next]!.append(value, timeMs)
    this.#next = this.#next + 1 === this.channels.length ? 0 : this.#next + 1
  }
}

class BroadcastWriter extends Writer implements EdgeWriter {
  emit(value: unknown, timeMs: number): void {
    for (const channel of this.channels) channel.append(value, timeMs)
  }
}

/** Sends each record to the subtask that owns its key's group; the key is hashed here and nowhere else. */
class HashWriter extends Writer implements EdgeWriter {
  readonly #keyOf: (value: unknown) => Key
  readonly #keyGroups: number
  readonly #channelOfGroup: readonly OutChannel[]
  readonly #consumerId: string
  readonly #subtask: number

  constructor(options: EdgeWriterOptions) {
    super(options)
    const { channels, keyGroups } = options
    this.#keyOf = options.keyOf!
    this.#consumerId = options.consumerId
    this.#subtask = options.subtask
    this.#keyGroups = keyGroups
    this.#channelOfGroup = Array.from(
      { length: keyGroups },
      (_, group) => channels[subtaskOfKeyGroup(group, keyGroups, channels.length)]!,
    )
  }

  emit(value: unknown, timeMs: number): void {
    const keyHash = this.#hash(value)
    this.#channelOfGroup[keyGroupOf(keyHash, this.#keyGroups)]!.appendKeyed(value, timeMs, keyHash)
  }

  #hash(value: unknown): number {
    try {
      return hashKey(this.#keyOf(value))
    } catch (error) {
      throw operatorFailure(error, `keyBy of ${this.#consumerId}`, this.#subtask, { value })
    }
  }
}
