import type { BlockInput } from "../snapshot/store/index.ts"
import type { ChangeSink, Key, StateTable } from "../state/index.ts"
import { newEntryBatch } from "./entry-block.ts"
import { TableBlocks } from "./table-blocks.ts"

/** What was logged up to a capture. */
export interface LoggedChanges {
  readonly blocks: readonly BlockInput[]
  /** Whether all that the table logged is in them. */
  readonly isWhole: boolean
}

/** Beyond, what changes waits for the next capture, as if there were no log: checkpoints may be far apart. */
const MAX_BYTES = 8 * 1024 * 1024

/**
 * Changes of one table since its last capture, already encoded: of keys that are seldom touched, which a capture would have to
 * bring from memory once more. They are part of the next capture of changes, before all else that is in it. (The idea is that of
 * Flink's changelog state backend, FLIP-158, for a part of the changes and within the process.)
 */
export class ChangeLog implements ChangeSink {
  readonly table: StateTable
  readonly #encoding: TableBlocks
  #batch = newEntryBatch()
  #blocks: BlockInput[] = []
  #bytes = 0
  #isWhole = true

  constructor(operatorId: string, table: StateTable) {
    this.table = table
    const add = (block: BlockInput): void => {
      this.#blocks.push(block)
      this.#bytes += block.bytes.length
    }
    // What is logged together is of several key groups.
    this.#encoding = new TableBlocks({ operatorId, table, kind: "changes", add })
    table.logTo!(this)
  }

  get full(): boolean {
    return this.#bytes >= MAX_BYTES
  }

  put(key: Key, value: unknown): void {
    const batch = this.#batch
    batch.keys.push(key)
    batch.namespaces.push(null)
    batch.values.push(value)
  }

  seal(): void {
    const batch = this.#batch
    this.#batch = newEntryBatch()
    try {
      this.#encoding.add(batch)
    } catch {
      // What is refused is refused by a capture as well, which fails its checkpoint and names the key.
      this.#isWhole = false
    }
  }

  /** False when something that was logged could not be encoded: only a capture of everything has it, and says what it is. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** A capture is taken: what was logged so far is its. */
  take(): LoggedChanges {
    const taken = { blocks: this.#blocks, isWhole: this.#isWhole }
    this.#blocks = []
    this.#bytes = 0
    this.#isWhole = true
    return taken
  }

  /** The capture is off: what was logged for it is the next one's. */
  putBack({ blocks, isWhole }: LoggedChanges): void {
    this.#blocks = [...blocks, ...this.#blocks]
    for (const { bytes } of blocks) this.#bytes += bytes.length
    this.#isWhole &&= isWhole
  }
}
