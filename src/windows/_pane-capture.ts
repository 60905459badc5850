import type { EntryWriter, Key, TableCapture } from "../state/index.ts"
import type { Pane, PaneEntry } from "./_pane.ts"

export interface PaneCaptureOptions<K extends Key, Acc> {
  /** The open windows. */
  readonly panes: readonly Pane<K, Acc>[]
  /** Windows whose entries are to be deleted. */
  readonly purged: readonly Pane<K, Acc>[]
  /** Entries last touched before this epoch are not part of the capture. */
  readonly sinceEpoch: number
  /** The epoch that this capture begins: entries of this epoch were touched after it. */
  readonly epoch: number
  readonly writer: EntryWriter<PaneEntry<K, Acc>>
  /** The capture needs to hear of touches no more. */
  onEnd(): void
  onCancel(): void
}

interface Section<K extends Key, Acc> {
  readonly pane: Pane<K, Acc>
  /** Entries are only added, so those of the capture are the first so many. */
  readonly length: number
  readonly purged: boolean
}

/** A running capture of a PaneTable. Windows that fire meanwhile stay part of it. O(windows) to take. */
export class PaneCapture<K extends Key, Acc> implements TableCapture {
  readonly #options: PaneCaptureOptions<K, Acc>
  readonly #sections: readonly Section<K, Acc>[]
  #section = 0
  #entry = 0

  constructor(options: PaneCaptureOptions<K, Acc>) {
    this.#options = options
    const sectionsOf = (panes: readonly Pane<K, Acc>[], purged: boolean) =>
      panes.map((pane) => ({ pane, length: pane.entries.length, purged }))
    const touched = options.panes.filter((pane) => pane.touchedIn >= options.sinceEpoch)
    this.#sections = [...sectionsOf(options.purged, true), ...sectionsOf(touched, false)]
  }

  /** Hands over an entry, if it is part of the capture and was not handed over. To be called before it changes. */
  touch(pane: Pane<K, Acc>, entry: PaneEntry<K, Acc>): void {
    const { sinceEpoch, epoch, writer } = this.#options
    if (entry.epoch < sinceEpoch || entry.epoch >= epoch - 1) return
    entry.epoch = epoch - 1
    writer.put(entry.keyHash, entry.key, pane.start, entry)
  }

  write(budget: number): boolean {
    const { writer } = this.#options
    writer.check()
    let left = budget
    for (; this.#section < this.#sections.length; this.#section++) {
      const { pane, length, purged } = this.#sections[this.#section]!
      for (; this.#entry < length; this.#entry++) {
        if (left === 0) {
          writer.check()
          return false
        }
        left -= 1
        const entry = pane.entries[this.#entry]!
        if (purged) writer.remove(entry.keyHash, entry.key, pane.start)
        else this.touch(pane, entry)
      }
      this.#entry = 0
    }
    writer.check()
    this.#options.onEnd()
    return true
  }

  cancel(): void {
    this.#options.onEnd()
    this.#options.onCancel()
  }
}
