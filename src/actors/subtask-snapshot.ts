import type { BlockInput, PartHandle, PartWriter } from "../snapshot/store/index.ts"
import type { CaptureKind, StateTable, TableCapture } from "../state/index.ts"
import type { ChangeLog, LoggedChanges } from "./change-log.ts"
import { encodeValue } from "./entry-block.ts"
import type { InFlightSource } from "./in-flight.ts"
import { TableWriting } from "./table-writing.ts"

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
  /** What tables logged since their last capture. */
  readonly logs?: readonly ChangeLog[]
  readonly keyGroups: number
  /** Copy records in flight, where the barrier overtook them. */
  readonly inFlight?: readonly InFlightSource[]
  /** The worker's clock, in ms. */
  now(): number
  /** Makes the file. Called only when there is something to write. */
  createPart(): Promise<PartWriter>
  /** Something that `step` waits for has happened. */
  wake(): void
}

/** The table that keeps an operator's value. */
export const VALUE_TABLE = "$value"
/** Encoded bytes that may wait for the disk: beyond, the capture waits too. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

/**
 * One subtask's share of a checkpoint, from the capture to the durable file. Captured in constant time when it is made;
 * written in steps, while records go on. The disk is written in the background; `step` never waits for it.
 */
export class SubtaskSnapshot {
  readonly checkpointId: number
  readonly #options: SubtaskSnapshotOptions
  /** Captures not yet handed over to the end. */
  readonly #captures: TableWriting[] = []
  readonly #taken: TableCapture[] = []
  readonly #logged: { readonly log: ChangeLog; readonly changes: LoggedChanges }[] = []
  readonly #blocks: BlockInput[] = []
  /** Those that are not done. */
  #inFlight: readonly InFlightSource[]
  #waitingBytes = 0
  #entries = 0
  #writing = false
  #part: PartWriter | undefined
  #cancelled = false
  #handle: PartHandle | undefined
  #done = false
  #failure: { readonly error: unknown } | undefined

  constructor(options: SubtaskSnapshotOptions) {
    this.checkpointId = options.checkpointId
    this.#options = options
    this.#inFlight = options.inFlight ?? []
    for (const { operatorId, value } of options.values) {
      const bytes = encodeValue(value)
      this.#addBlock({ operatorId, table: VALUE_TABLE, keyGroup: undefined, entries: 1, bytes, kind: "full" })
    }
    const { kind, keyGroups, now } = options
    for (const log of options.logs ?? []) {
      const changes = log.take()
      this.#logged.push({ log, changes })
      if (kind === "changes") for (const block of changes.blocks) this.#addBlock(block)
    }
    for (const { operatorId, table } of options.tables) {
      const add = (block: BlockInput): void => this.#addBlock(block)
      const writing = new TableWriting({ operatorId, table, kind, keyGroups, now, add })
      this.#captures.push(writing)
      this.#taken.push(writing.capture)
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

  /** Entries handed over so far, deletions among them. */
  get entries(): number {
    return this.#entries
  }

  get standsAlone(): boolean {
    return this.#options.standsAlone
  }

  /**
   * Hands over some more entries.
   * @param hasTime for milliseconds, and not for one at most
   * @returns true when it did something
   * @throws what made the snapshot fail
   */
  step(hasTime = true): boolean {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#done) return false
    const copied = this.#copyInFlight()
    const next = this.#captures[0]
    if (next === undefined) {
      if (!this.#writing && (this.#blocks.length > 0 || this.#inFlight.length === 0)) this.#writeOn()
      return copied
    }
    const waits = this.#waitingBytes > MAX_WAITING_BYTES
    if (!waits && next.step(hasTime)) this.#captures.shift()
    if (!this.#writing) this.#writeOn()
    return !waits || copied
  }

  /** The checkpoint is off: what it took belongs to the next one again, and its file goes. */
  cancel(): void {
    this.#cancelled = true
    this.#giveBack()
    this.#captures.length = 0
    for (const source of this.#inFlight) source.cancel()
    // A file that cannot be removed is removed by the store, as one that no manifest names.
    if (!this.#writing) void this.#part?.abort().catch(() => undefined)
  }

  /** First of all: what it copies holds credits. @returns true when it did something */
  #copyInFlight(): boolean {
    let copied = false
    for (const source of this.#inFlight) {
      copied = source.step() || copied
      for (const block of source.takeBlocks()) {
        this.#waitingBytes += block.bytes.length
        this.#blocks.push(block)
      }
    }
    if (this.#inFlight.some((source) => source.done)) this.#inFlight = this.#inFlight.filter((source) => !source.done)
    return copied
  }

  /** What was captured counts as changed again. */
  #giveBack(): void {
    for (const capture of this.#taken) capture.cancel()
    for (const { log, changes } of this.#logged) log.putBack(changes)
    this.#taken.length = 0
    this.#logged.length = 0
  }

  #addBlock(block: BlockInput): void {
    this.#entries += block.entries
    this.#waitingBytes += block.bytes.length
    this.#blocks.push(block)
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
    if (this.#captures.length > 0 || this.#inFlight.length > 0 || this.#cancelled) return
    this.#handle = await this.#part?.finish()
    if (this.#options.standsAlone) this.#giveBack()
    this.#done = true
  }
}
