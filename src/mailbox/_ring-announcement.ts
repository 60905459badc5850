import type { Announcement } from "./channel.ts"
import { Word } from "./layout.ts"

const FIELDS = [Word.ANNOUNCED_ID, Word.ANNOUNCED_BORN, Word.ANNOUNCED_POSITION] as const

const float = new Float64Array(1)
const halves = new Int32Array(float.buffer)

/** Announces a barrier in a ring's header. One writer per ring. */
export function writeAnnouncement(words: Int32Array, { checkpointId, bornMs, position }: Announcement): void {
  const sequence = Atomics.load(words, Word.ANNOUNCED_SEQUENCE)
  // Odd from here on: whoever looks now sees that the words are being written. A sender that dies here leaves it so.
  Atomics.store(words, Word.ANNOUNCED_SEQUENCE, sequence | 1)
  const values = [checkpointId, bornMs, position]
  for (let index = 0; index < FIELDS.length; index++) {
    float[0] = values[index]!
    Atomics.store(words, FIELDS[index]!, halves[0]!)
    Atomics.store(words, FIELDS[index]! + 1, halves[1]!)
  }
  Atomics.store(words, Word.ANNOUNCED_SEQUENCE, ((sequence | 1) + 1) | 0)
}

/** Reads what a ring's sender announced last. */
export class AnnouncementReader {
  readonly #words: Int32Array
  #sequence: number
  #latest: Announcement | undefined

  constructor(words: Int32Array) {
    this.#words = words
    this.#sequence = 0
  }

  /** The one announced last that is complete. */
  read(): Announcement | undefined {
    const words = this.#words
    const sequence = Atomics.load(words, Word.ANNOUNCED_SEQUENCE)
    if (sequence === this.#sequence || (sequence & 1) === 1) return this.#latest
    const [checkpointId, bornMs, position] = FIELDS.map((field) => this.#float(field)) as [number, number, number]
    // A newer one came in between: it rings the bell, so it is read at the next look.
    if (Atomics.load(words, Word.ANNOUNCED_SEQUENCE) !== sequence) return this.#latest
    this.#sequence = sequence
    this.#latest = { checkpointId, bornMs, position }
    return this.#latest
  }

  #float(word: number): number {
    halves[0] = Atomics.load(this.#words, word)
    halves[1] = Atomics.load(this.#words, word + 1)
    return float[0]!
  }
}
