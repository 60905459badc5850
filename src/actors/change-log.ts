import type { BlockInput } from "../snapshot/store/index.ts"
import type { ChangeSink, Key, StateTable } from "../state/index.ts"
import { EntryEncoder, newEntryBatch } from "./entry-block.ts"

/** What was logged up to a capture. */
export interface LoggedChanges {
  readonly blocks: readonly BlockInput[]
  /** Whether all that the table logged is in them. */
  readonly isWhole: boolean
}

/** Beyond, what changes waits for the next capture, as if there were no log: checkpoints may be far apart. */
const MAX_BYTES = 8 * 1024 * 1024
/**
 * Entries that become one block, at most: to come back to the encoder's code and columns, which have left the caches since, costs
 * as much as some hundred entries.
 */
const MAX_TOGETHER = 4096
/** A block has some so many bytes at most, as far as the one before it tells. */
const BLOCK_BYTES = 256 * 1024

/**
 * Changes of one table since its last capture, on their way into blocks: of keys that are seldom touched, which a capture would have
 * to bring from memory once more. They are part of the next capture of changes, before all else that is in it. (The idea is that of
 * Flink's changelog state backend, FLIP-158, for a part of the changes and within the process.)
 *
 * Entries are laid down by column soon after they changed, and encoded when there are many. Those with parts that may change, such as
 * lists, are encoded at once.
 */
export class ChangeLog implements ChangeSink {
  readonly table: StateTable
  readonly #operatorId: string
  /** Of its own: captures are encoded in between. */
  #encoder = new EntryEncoder()
  #gathered = 0
  #together = 1
  #blocks: BlockInput[] = []
  #bytes = 0
  #isWhole = true

  constructor(operatorId: string, table: StateTable) {
    this.#operatorId = operatorId
    this.table = table
    table.logTo!(this)
  }

  get full(): boolean {
    return this.#bytes >= MAX_BYTES
  }

  put(keys: readonly Key[], values: readonly unknown[]): void {
    this.#try(() => {
      const isKept = this.#encoder.gather(keys, values)
      this.#gathered += keys.length
      if (!isKept || this.#gathered >= this.#together) this.#encode()
    })
  }

  /** What is refused is refused by a capture as well, which fails its checkpoint and names the key. */
  #try(encode: () => void): void {
    try {
      encode()
    } catch {
      this.#isWhole = false
      this.#encoder = new EntryEncoder()
      this.#gathered = 0
    }
  }

  #encode(): void {
    const entries = this.#gathered
    if (entries === 0) return
    const bytes = this.#encoder.encode(newEntryBatch())
    this.#gathered = 0
    this.#together = Math.min(2 * this.#together, MAX_TOGETHER, Math.ceil((BLOCK_BYTES * entries) / bytes.length))
    this.#bytes += bytes.length
    // Of several key groups.
    const place = { operatorId: this.#operatorId, table: this.table.name, keyGroup: undefined }
    this.#blocks.push({ ...place, entries, bytes, kind: "delta" })
  }

  /**
   * Encodes what is left.
   * @returns false when something that was logged could not be encoded: only a capture of everything has it, and says what it is
   */
  finish(): boolean {
    this.#try(() => this.#encode())
    return this.#isWhole
  }

  /** A capture is taken: what was logged so far is its. */
  take(): LoggedChanges {
    this.finish()
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
