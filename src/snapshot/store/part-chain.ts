import type { PartHandle } from "./part-file.ts"

/**
 * Parts of one chain at most: each is a file that a restore opens, and a line in every manifest. With few changes per
 * checkpoint the whole state is written anew once in so many.
 */
const MAX_PARTS = 32
/** What the chain may weigh, in times of the state: a byte of change is written 1 + 1 / (MOST_TIMES - 1) times, a restore reads so many times the state. */
const MOST_TIMES = 3

/**
 * The parts that one subtask's state consists of: a base that holds everything, and what changed since, part after part.
 *
 * Everything is written anew when the chain has MAX_PARTS parts, or when it weighs MOST_TIMES what the state would weigh if it were.
 * So a restore reads at most three times what the state takes (and one part more), and a byte of change costs at most one and a half
 * of writing, but for the base once in MAX_PARTS checkpoints. (As a size ratio in a two-level LSM tree.) State that grows is not
 * written anew for its growth: what came since the base is in the chain once.
 *
 * A part belongs to the chain from when it is durable, also when its checkpoint is given up for another subtask's sake: the
 * next manifest names it. So no change is ever lost, and nobody needs to know what became of the checkpoint.
 */
export class PartChain {
  #parts: readonly PartHandle[] = []
  #bytes = 0
  #entries = 0

  /**
   * What to capture next.
   * @param heldEntries in the state now; undefined when they are not counted: then it is taken to weigh what the base does
   */
  next(heldEntries: number | undefined): "all" | "changes" {
    const [base] = this.#parts
    if (base === undefined || this.#parts.length >= MAX_PARTS) return "all"
    const grown = heldEntries === undefined || this.#entries === 0 ? 0 : (heldEntries * this.#bytes) / this.#entries
    return this.#bytes >= MOST_TIMES * Math.max(base.bytes, grown) ? "all" : "changes"
  }

  /** To be laid over each other in this order. */
  get parts(): readonly PartHandle[] {
    return this.#parts
  }

  /** @param part durable, with so many entries; undefined when there was nothing to write */
  extend(kind: "all" | "changes", part: PartHandle | undefined, entries: number): void {
    if (kind === "all") {
      this.#parts = []
      this.#bytes = 0
      this.#entries = 0
    }
    if (part === undefined) return
    this.#parts = [...this.#parts, part]
    this.#bytes += part.bytes
    this.#entries += entries
  }
}
