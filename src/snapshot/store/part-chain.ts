import type { PartHandle } from "./part-file.ts"

/**
 * Parts of one chain at most: each is a file that a restore opens, and a line in every manifest. With few changes per
 * checkpoint the whole state is written anew once in so many.
 */
const MAX_PARTS = 32

/**
 * The parts that one subtask's state consists of: a base that holds everything, and what changed since, part after part.
 *
 * Everything is written anew when the chain has MAX_PARTS parts, or when the changes weigh as much as the base. So a restore
 * reads at most twice what the state takes (and one part more), and a byte of change costs at most two bytes of writing, but
 * for the base once in MAX_PARTS checkpoints. (As the size ratio of 1 in a two-level LSM tree.)
 *
 * A part belongs to the chain from when it is durable, also when its checkpoint is given up for another subtask's sake: the
 * next manifest names it. So no change is ever lost, and nobody needs to know what became of the checkpoint.
 */
export class PartChain {
  #parts: readonly PartHandle[] = []
  #changedBytes = 0

  /** What to capture next. */
  get next(): "all" | "changes" {
    const [base] = this.#parts
    if (base === undefined || this.#parts.length >= MAX_PARTS || this.#changedBytes >= base.bytes) return "all"
    return "changes"
  }

  /** To be laid over each other in this order. */
  get parts(): readonly PartHandle[] {
    return this.#parts
  }

  /** @param part durable; undefined when there was nothing to write */
  extend(kind: "all" | "changes", part: PartHandle | undefined): void {
    if (kind === "all") {
      this.#parts = part === undefined ? [] : [part]
      this.#changedBytes = 0
    } else if (part !== undefined) {
      this.#parts = [...this.#parts, part]
      this.#changedBytes += part.bytes
    }
  }
}
