import { MsgpackCodec } from "../records/index.ts"
import type { BlockInput, BlockKind, PartHandle, PartWriter } from "../snapshot/store/index.ts"
import {
  type CaptureKind,
  type EntrySink,
  keyGroupOf,
  type StateTable,
  type TableCapture,
  type TableEntry,
} from "../state/index.ts"

/** A table of an operator. */
export interface OwnedTable {
  readonly operatorId: string
  readonly table: StateTable
}

/** Small state of an operator that belongs to no key. Plain data. */
export interface OwnedValue {
  readonly operatorId: string
  readonly value: unknown
}

export interface SubtaskSnapshotOptions {
  readonly checkpointId: number
  /** "changes": what changed since the snapshot before it, to be laid over it. */
  readonly kind: CaptureKind
  /** Later snapshots must not build on this one, but on the one before it: a savepoint's, which may be carried away. */
  readonly standsAlone: boolean
  readonly tables: readonly OwnedTable[]
  readonly values: readonly OwnedValue[]
  readonly keyGroups: number
  /** Makes the file. Called only when there is something to write. */
  createPart(): Promise<PartWriter>
  /** Something that `step` waits for has happened. */
  wake(): void
}

/** The table that keeps an operator's value. */
export const VALUE_TABLE = "$value"
/** Entries looked at per step: some tens of microseconds. */
const ENTRIES_PER_STEP = 256
/** Encoded bytes that may wait for the disk: beyond, the capture waits too. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

/** One entry as it stands in a block. */
type EntryRow = readonly [keyHash: number, key: unknown, namespace: number | null, value: unknown, deleted: boolean]

/**
 * One subtask's share of a checkpoint, from the capture to the durable file. Captured in constant time when it is made;
 * written in steps, while records go on. The disk is written in the background; `step` never waits for it.
 */
export class SubtaskSnapshot {
  readonly checkpointId: number
  readonly #options: SubtaskSnapshotOptions
  readonly #codec = new MsgpackCodec()
  /** Captures not yet handed over to the end. */
  readonly #captures: { readonly operatorId: string; readonly table: string; readonly capture: TableCapture }[] = []
  readonly #taken: TableCapture[] = []
  readonly #blocks: BlockInput[] = []
  #waitingBytes = 0
  /** Where rows go that are handed over within a step; undefined between steps: then each is encoded by itself. */
  #rows: EntryRow[] | undefined
  #writing = false
  #part: PartWriter | undefined
  #cancelled = false
  #handle: PartHandle | undefined
  #done = false
  #failure: { readonly error: unknown } | undefined

  constructor(options: SubtaskSnapshotOptions) {
    this.checkpointId = options.checkpointId
    this.#options = options
    for (const { operatorId, value } of options.values)
      this.#addBlock(operatorId, VALUE_TABLE, [value], undefined, 1, "full")
    for (const { operatorId, table } of options.tables) {
      const capture = table.capture(options.kind, this.#sinkOf(operatorId, table.name))
      this.#captures.push({ operatorId, table: table.name, capture })
      this.#taken.push(capture)
    }
  }

  /** The file, once it is durable; undefined when there was nothing to write. */
  get handle(): PartHandle | undefined {
    return this.#handle
  }

  get done(): boolean {
    return this.#done
  }

  get kind(): CaptureKind {
    return this.#options.kind
  }

  get standsAlone(): boolean {
    return this.#options.standsAlone
  }

  /** Hands over some more entries. @returns true when it did something @throws what made the snapshot fail */
  step(): boolean {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#done) return false
    const next = this.#captures[0]
    if (next === undefined) {
      if (!this.#writing) this.#writeOn()
      return false
    }
    if (this.#waitingBytes > MAX_WAITING_BYTES) return false
    const rows: EntryRow[] = []
    this.#rows = rows
    let complete: boolean
    try {
      complete = next.capture.write(ENTRIES_PER_STEP)
    } finally {
      this.#rows = undefined
    }
    if (rows.length > 0) this.#addRows(next.operatorId, next.table, rows)
    if (complete) this.#captures.shift()
    if (!this.#writing) this.#writeOn()
    return true
  }

  /** The checkpoint is off: what it took belongs to the next one again, and its file goes. */
  cancel(): void {
    this.#cancelled = true
    this.#giveBack()
    this.#captures.length = 0
    // A file that cannot be removed is removed by the store, as one that no manifest names.
    if (!this.#writing) void this.#part?.abort().catch(() => undefined)
  }

  /** What was captured counts as changed again. */
  #giveBack(): void {
    for (const capture of this.#taken) capture.cancel()
    this.#taken.length = 0
  }

  #sinkOf(operatorId: string, table: string): EntrySink {
    return {
      put: ({ keyHash, key, namespace, value, deleted }: TableEntry) => {
        const row: EntryRow = [keyHash, key, namespace, value, deleted]
        if (this.#rows !== undefined) this.#rows.push(row)
        else this.#addRows(operatorId, table, [row])
      },
    }
  }

  #addRows(operatorId: string, table: string, rows: readonly EntryRow[]): void {
    const { keyGroups } = this.#options
    const group = keyGroupOf(rows[0]![0], keyGroups)
    // A block of one key group says so, and is skipped by readers of others; one of several is read by all.
    const one = rows.every(([keyHash]) => keyGroupOf(keyHash, keyGroups) === group)
    this.#addBlock(
      operatorId,
      table,
      rows,
      one ? group : undefined,
      rows.length,
      this.kind === "all" ? "full" : "delta",
    )
  }

  #addBlock(
    operatorId: string,
    table: string,
    values: readonly unknown[],
    keyGroup: number | undefined,
    entries: number,
    kind: BlockKind,
  ): void {
    const bytes = this.#codec.encode(values).slice()
    this.#waitingBytes += bytes.length
    this.#blocks.push({ operatorId, table, keyGroup, entries, bytes, kind })
  }

  /** Writes what waits, in the background; finishes the file when every capture has been handed over. */
  #writeOn(): void {
    this.#writing = true
    this.#write().then(
      () => this.#settle(),
      (error: unknown) => {
        this.#failure = { error }
        this.#settle()
      },
    )
  }

  #settle(): void {
    this.#writing = false
    if (this.#cancelled) void this.#part?.abort().catch(() => undefined)
    this.#options.wake()
  }

  async #write(): Promise<void> {
    for (let block = this.#blocks.shift(); block !== undefined && !this.#cancelled; block = this.#blocks.shift()) {
      this.#part ??= await this.#options.createPart()
      await this.#part.append(block)
      this.#waitingBytes -= block.bytes.length
    }
    if (this.#captures.length > 0 || this.#cancelled) return
    this.#handle = await this.#part?.finish()
    if (this.#options.standsAlone) this.#giveBack()
    this.#done = true
  }
}

/** Decodes the entries of a block. */
export function decodeEntries(bytes: Uint8Array): TableEntry[] {
  return (new MsgpackCodec().decode(bytes) as EntryRow[]).map(([keyHash, key, namespace, value, deleted]) => ({
    keyHash,
    key: key as TableEntry["key"],
    namespace,
    value,
    deleted,
  }))
}

/** Decodes the value of a block of VALUE_TABLE. */
export function decodeValue(bytes: Uint8Array): unknown {
  return new MsgpackCodec().decode(bytes)[0]
}
