import { ElementKind } from "../records/index.ts"
import type { RingMemory } from "./_ring-memory.ts"
import type { ChannelPeek, QueuedElement } from "./channel.ts"
import { FLAG_FIRST, FLAG_LAST, FRAME_HEADER_BYTES, PADDING, padded, Word } from "./layout.ts"

/** What has come of a batch that is sent in fragments. */
export interface Pieces {
  readonly bytes: Uint8Array
  receivedBytes: number
}

/**
 * Looks through the frames of a ring from a cursor on, without taking them: payloads are copied as they are, a batch in
 * fragments is put together, one that is not complete is not shown. What stands in the ring was checked by nobody yet: the
 * receiver does that when it takes it.
 */
export class RingPeek implements ChannelPeek {
  readonly #memory: RingMemory
  #cursor: number
  /** Of a batch whose first fragments the receiver has already copied out. */
  #begun: Pieces | undefined

  constructor(memory: RingMemory, cursor: number, begun: Pieces | undefined) {
    this.#memory = memory
    this.#cursor = cursor
    this.#begun = begun === undefined ? undefined : { bytes: begun.bytes.slice(), receivedBytes: begun.receivedBytes }
  }

  next(): QueuedElement | undefined {
    const { words, dataWords, data, dataBytes } = this.#memory
    const published = Atomics.load(words, Word.PUBLISHED)
    // Anew at each call: what is incomplete now is looked through again by the next one.
    let pieces = this.#begun === undefined ? undefined : { ...this.#begun }
    for (let cursor = this.#cursor; cursor !== published; ) {
      const at = cursor & (dataBytes - 1)
      const bytes = dataWords[at >> 2]!
      const kindAndFlags = dataWords[(at >> 2) + 1]!
      const kind = kindAndFlags & 0xff
      if (kind === PADDING) {
        cursor = (cursor + dataBytes - at) | 0
        continue
      }
      cursor = (cursor + FRAME_HEADER_BYTES + padded(bytes)) | 0
      if (kind !== ElementKind.DATA) {
        this.#cursor = cursor
        return this.#memory.readControl(at)
      }
      const flags = kindAndFlags >>> 8
      const payload = data.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + bytes)
      if ((flags & FLAG_FIRST) !== 0) {
        pieces = { bytes: new Uint8Array(dataWords[(at >> 2) + 3]! >>> 0), receivedBytes: 0 }
      }
      pieces!.bytes.set(payload, pieces!.receivedBytes)
      pieces!.receivedBytes += bytes
      if ((flags & FLAG_LAST) === 0) continue
      this.#cursor = cursor
      this.#begun = undefined
      return { kind: ElementKind.DATA, records: dataWords[(at >> 2) + 2]!, content: pieces!.bytes }
    }
    return undefined
  }
}
