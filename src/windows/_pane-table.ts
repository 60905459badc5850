import { invariant } from "../errors/index.ts"
import {
  type CaptureKind,
  type EntrySink,
  EntryWriter,
  type Key,
  type StateCodec,
  type StateTable,
  type TableCapture,
  type TableEntry,
} from "../state/index.ts"
import { NumberIndex } from "./_number-index.ts"
import { LOADED, Pane, type PaneEntry } from "./_pane.ts"
import { PaneCapture, type PaneSection } from "./_pane-capture.ts"

export interface PaneTableOptions<Acc> {
  /** The end of the window that starts at `start`. */
  endOf(start: number): number
  readonly codec: StateCodec<Acc> | undefined
  /** Fired windows stay until they are purged, and may fire again. Else what has fired is gone. */
  readonly keepsFired: boolean
}

/** What is saved of an entry: an object, since a list of unlike things makes a column that is looked at cell by cell. */
interface PaneRow {
  /** Puts the keys of a window in the order in which they first came. */
  readonly sequence: number
  readonly accumulator: unknown
  /** Where windows are kept. */
  readonly firings?: number
}

/**
 * The windows of one operator, as a state table: the namespace is a window's start, the value a `PaneRow`.
 *
 * Time is cut in epochs, and every entry carries the one in which it was last touched. A capture begins a new one, two
 * further on: an entry that is not of the present epoch is untouched since the capture, so whoever is about to change one
 * compares, and calls `touch` if they differ; that hands it over if need be. The odd epoch in between marks what was handed
 * over and not touched since. Changes since a capture are what carries its epoch or a later one: nothing else is kept of them.
 *
 * A window that is due fires entry by entry. A capture in the middle of it holds those that have not fired, unless they are kept.
 */
export class PaneTable<K extends Key, Acc> implements StateTable {
  readonly name = "$panes"
  readonly #options: PaneTableOptions<Acc>
  readonly #encode: (entry: PaneEntry<K, Acc>) => PaneRow
  readonly #decode: (plain: unknown) => Acc
  /** Those that records may still go to. */
  readonly #byStart = new NumberIndex<Pane<K, Acc>>()
  /** Windows that are not due, by rising end. */
  #byEnd: Pane<K, Acc>[] = []
  /** Windows that are due and not purged, by rising end. */
  #due: Pane<K, Acc>[] = []
  #capture: PaneCapture<K, Acc> | undefined
  /** The epoch that the last good capture began. */
  #capturedIn = 0
  /** Windows purged since the last capture that earlier ones hold, when changes are tracked. At most those open at the last capture. */
  #purged: Pane<K, Acc>[] | undefined
  /** Even. */
  epoch = 0

  constructor(options: PaneTableOptions<Acc>) {
    this.#options = options
    const { codec, keepsFired } = options
    this.#encode = ({ sequence, accumulator, firings }) => {
      const plain = codec === undefined ? accumulator : codec.encode(accumulator)
      return keepsFired ? { sequence, accumulator: plain, firings } : { sequence, accumulator: plain }
    }
    this.#decode = (plain) => (codec === undefined ? (plain as Acc) : codec.decode(plain))
  }

  /** From now on "changes" can be captured. */
  trackChanges(): void {
    this.#purged ??= []
  }

  /** Windows that are not due, by rising end. */
  get open(): readonly Pane<K, Acc>[] {
    return this.#byEnd
  }

  /** Windows that are due and not purged, by rising end. */
  get due(): readonly Pane<K, Acc>[] {
    return this.#due
  }

  find(start: number): Pane<K, Acc> | undefined {
    return this.#byStart.get(start)
  }

  /** Opens the window that `find` did not find. */
  add(start: number): Pane<K, Acc> {
    return this.#insert(new Pane(start, this.#options.endOf(start), this.epoch))
  }

  /** Opens the window that `find` did not find, as one that has fired with no entries. */
  addFired(start: number): Pane<K, Acc> {
    const pane = new Pane<K, Acc>(start, this.#options.endOf(start), this.epoch)
    this.#byStart.set(start, pane)
    insertByEnd(this.#due, pane)
    return pane
  }

  /** To be called before an entry that is not of the present epoch changes, or is given away. */
  touch(pane: Pane<K, Acc>, entry: PaneEntry<K, Acc>): void {
    this.#capture?.touch(pane, entry)
    pane.touchedIn = this.epoch
    entry.epoch = this.epoch
  }

  /** Makes windows due. @returns how many */
  takeDue(watermarkMs: number): number {
    const due = countDue(this.#byEnd, watermarkMs)
    if (due === 0) return 0
    // All that was due before ends before these. Nothing is done to each: they may be 150,000.
    this.#due = this.#due.concat(this.#byEnd.splice(0, due))
    return due
  }

  /** Takes out the first `count` windows that are due: all they had to say has left. */
  purge(count: number): void {
    for (const pane of this.#due.splice(0, count)) {
      this.#byStart.delete(pane.start)
      if (pane.openedIn < this.epoch) this.#purged?.push(pane)
    }
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    invariant(this.#capture === undefined, "windows are captured while a capture of them runs")
    const purged = this.#purged
    invariant(kind === "all" || purged !== undefined, "changes of windows are captured, but not tracked")
    this.epoch += 2
    const before = this.#capturedIn
    this.#capturedIn = this.epoch
    if (purged !== undefined) this.#purged = []
    const sinceEpoch = kind === "changes" ? before : LOADED
    const capture = new PaneCapture<K, Acc>({
      sections: [...(kind === "changes" ? this.#goneSections(purged!) : []), ...this.#heldSections(sinceEpoch)],
      sinceEpoch,
      epoch: this.epoch,
      writer: new EntryWriter(this.name, into, this.#encode, accumulatorOf),
      onEnd: () => {
        if (this.#capture === capture) this.#capture = undefined
      },
      onCancel: () => {
        this.#capturedIn = Math.min(this.#capturedIn, before)
        if (purged !== undefined) this.#purged = purged.concat(this.#purged ?? [])
      },
    })
    this.#capture = capture
    return capture
  }

  load({ key, keyHash, namespace, value, deleted }: TableEntry): void {
    invariant(namespace !== null, () => `an entry of a window without its start is restored: key hash ${keyHash}`)
    const pane = this.#byStart.get(namespace)
    if (deleted) {
      pane?.unload(key as K, keyHash)
      return
    }
    const { sequence, accumulator, firings = 0 } = value as PaneRow
    const into = pane ?? this.#insert(new Pane<K, Acc>(namespace, this.#options.endOf(namespace), LOADED))
    into.load(key as K, keyHash, sequence, this.#decode(accumulator), firings)
  }

  /** To be called when all is loaded. */
  settle(): void {
    for (const pane of this.#byEnd) {
      pane.settle()
      if (pane.entries.length === 0) this.#byStart.delete(pane.start)
    }
    this.#byEnd = this.#byEnd.filter((pane) => pane.entries.length > 0)
  }

  #goneSections(purged: readonly Pane<K, Acc>[]): PaneSection<K, Acc>[] {
    const sections = purged.map((pane) => ({ pane, from: 0, to: pane.entries.length, gone: true }))
    if (this.#options.keepsFired) return sections
    const firing = this.#due.filter((pane) => pane.cursor > 0 && pane.openedIn < this.epoch)
    return [...sections, ...firing.map((pane) => ({ pane, from: 0, to: pane.cursor, gone: true }))]
  }

  #heldSections(sinceEpoch: number): PaneSection<K, Acc>[] {
    const { keepsFired } = this.#options
    return [...this.#due, ...this.#byEnd]
      .filter((pane) => pane.touchedIn >= sinceEpoch)
      .map((pane) => ({ pane, from: keepsFired ? 0 : pane.cursor, to: pane.entries.length, gone: false }))
  }

  #insert(pane: Pane<K, Acc>): Pane<K, Acc> {
    this.#byStart.set(pane.start, pane)
    insertByEnd(this.#byEnd, pane)
    return pane
  }
}

/** How many of the windows, which stand by rising end, end at the watermark or before. */
function countDue<K extends Key, Acc>(panes: readonly Pane<K, Acc>[], watermarkMs: number): number {
  let low = 0
  let high = panes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (panes[middle]!.end - 1 <= watermarkMs) low = middle + 1
    else high = middle
  }
  return low
}

/** Nearly always the newest: search from the back. */
function insertByEnd<K extends Key, Acc>(panes: Pane<K, Acc>[], pane: Pane<K, Acc>): void {
  let place = panes.length
  while (place > 0 && panes[place - 1]!.end > pane.end) place--
  if (place === panes.length) panes.push(pane)
  else panes.splice(place, 0, pane)
}

function accumulatorOf(encoded: unknown): unknown {
  return (encoded as PaneRow | undefined)?.accumulator
}
