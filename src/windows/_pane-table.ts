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
import { LOADED, Pane, type PaneEntry } from "./_pane.ts"
import { PaneCapture } from "./_pane-capture.ts"

/**
 * The open windows of one operator, as a state table: the namespace is a window's start, the value `[sequence, accumulator]`,
 * where the sequence puts the keys of a window in the order in which they first came.
 *
 * Time is cut in epochs, and every entry carries the one in which it was last touched. A capture begins a new one, two
 * further on: an entry that is not of the present epoch is untouched since the capture, so whoever is about to change one
 * compares, and calls `touch` if they differ; that hands it over if need be. The odd epoch in between marks what was handed
 * over and not touched since. Changes since a capture are what carries its epoch or a later one: nothing else is kept of them.
 */
export class PaneTable<K extends Key, Acc> implements StateTable {
  readonly name = "$panes"
  readonly #sizeMs: number
  readonly #encode: (entry: PaneEntry<K, Acc>) => unknown
  readonly #decode: (plain: unknown) => Acc
  readonly #byStart = new Map<number, Pane<K, Acc>>()
  /** The same, by rising end. */
  #byEnd: Pane<K, Acc>[] = []
  /** Windows taken out to be fired, and not yet purged. */
  #firing = 0
  #capture: PaneCapture<K, Acc> | undefined
  /** The epoch that the last good capture began. */
  #capturedIn = 0
  /** Windows purged since the last capture that earlier ones hold, when changes are tracked. At most those open at the last capture. */
  #purged: Pane<K, Acc>[] | undefined
  /** Even. */
  epoch = 0

  constructor(options: { readonly sizeMs: number; readonly codec: StateCodec<Acc> | undefined }) {
    const { sizeMs, codec } = options
    this.#sizeMs = sizeMs
    this.#encode = ({ sequence, accumulator }) => [
      sequence,
      codec === undefined ? accumulator : codec.encode(accumulator),
    ]
    this.#decode = (plain) => (codec === undefined ? (plain as Acc) : codec.decode(plain))
  }

  /** From now on "changes" can be captured. */
  trackChanges(): void {
    this.#purged ??= []
  }

  /** Open windows by rising end. */
  get open(): readonly Pane<K, Acc>[] {
    return this.#byEnd
  }

  find(start: number): Pane<K, Acc> | undefined {
    return this.#byStart.get(start)
  }

  /** Opens the window that `find` did not find. */
  add(start: number): Pane<K, Acc> {
    return this.#insert(new Pane(start, start + this.#sizeMs, this.epoch))
  }

  /** To be called before the accumulator of an entry that is not of the present epoch changes, or is given away. */
  touch(pane: Pane<K, Acc>, entry: PaneEntry<K, Acc>): void {
    this.#capture?.touch(pane, entry)
    pane.touchedIn = this.epoch
    entry.epoch = this.epoch
  }

  /** Takes out the windows that a watermark fires, by rising end. Each is to be given back to `purge`. */
  takeDue(watermarkMs: number): readonly Pane<K, Acc>[] {
    let due = 0
    while (due < this.#byEnd.length && this.#byEnd[due]!.end - 1 <= watermarkMs) due++
    if (due === 0) return []
    const panes = this.#byEnd.splice(0, due)
    for (const pane of panes) this.#byStart.delete(pane.start)
    this.#firing += due
    return panes
  }

  /** All results of the window have left. */
  purge(pane: Pane<K, Acc>): void {
    this.#firing -= 1
    if (pane.openedIn < this.epoch) this.#purged?.push(pane)
  }

  capture(kind: CaptureKind, into: EntrySink): TableCapture {
    invariant(this.#firing === 0, () => `${this.#firing} windows are firing while they are captured`)
    invariant(this.#capture === undefined, "windows are captured while a capture of them runs")
    const purged = this.#purged
    invariant(kind === "all" || purged !== undefined, "changes of windows are captured, but not tracked")
    this.epoch += 2
    const before = this.#capturedIn
    this.#capturedIn = this.epoch
    if (purged !== undefined) this.#purged = []
    const capture = new PaneCapture<K, Acc>({
      panes: this.#byEnd,
      purged: kind === "changes" ? purged! : [],
      sinceEpoch: kind === "changes" ? before : LOADED,
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
      pane?.unload(key as K)
      return
    }
    const [sequence, plain] = value as readonly [number, unknown]
    const into = pane ?? this.#insert(new Pane<K, Acc>(namespace, namespace + this.#sizeMs, LOADED))
    into.load(key as K, keyHash, sequence, this.#decode(plain))
  }

  /** To be called when all is loaded. */
  settle(): void {
    for (const pane of this.#byEnd) {
      pane.settle()
      if (pane.entries.length === 0) this.#byStart.delete(pane.start)
    }
    this.#byEnd = this.#byEnd.filter((pane) => pane.entries.length > 0)
  }

  #insert(pane: Pane<K, Acc>): Pane<K, Acc> {
    this.#byStart.set(pane.start, pane)
    // Nearly always the newest: search from the back.
    let place = this.#byEnd.length
    while (place > 0 && this.#byEnd[place - 1]!.end > pane.end) place--
    this.#byEnd.splice(place, 0, pane)
    return pane
  }
}

function accumulatorOf(encoded: unknown): unknown {
  return (encoded as readonly unknown[] | undefined)?.[1]
}
