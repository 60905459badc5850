import type { EntryWriter, Key, TableCapture } from "../state/index.ts"
import type { Pane, PaneEntry } from "./_pane.ts"

/** Entries [from, to) of a window. Entries are only added, so those of a capture stand at fixed places. */
export interface PaneSection<K extends Key, Acc> {
  readonly pane: Pane<K, Acc>
  readonly from: number
  readonly to: number
  /** They are to be deleted. */
  readonly gone: boolean
}

export interface PaneCaptureOptions<K extends Key, Acc> {
  /** Those to be deleted first. */
  readonly sections: readonly PaneSection<K, Acc>[]
  /** Entries last touched before this epoch are not part of the capture. */
  readonly sinceEpoch: number
  /** The epoch that this capture begins: entries of this epoch were touched after it. */
  readonly epoch: number
  readonly writer: EntryWriter<PaneEntry<K, Acc>>
  /** The capture needs to hear of touches no more. */
  onEnd(): void
  onCancel(): void
}

/** A running capture of a PaneTable. Windows that fire meanwhile stay part of it. O(windows) to take. */
export class PaneCapture<K extends Key, Acc> implements TableCapture {
  readonly #options: PaneCaptureOptions<K, Acc>
  #section = 0
  #entry = 0

  constructor(options: PaneCaptureOptions<K, Acc>) {
    this.#options = options
    this.#entry = options.sections[0]?.from ?? 0
  }

  /** Hands over an entry, if it is part of the capture and was not handed over. To be called before it changes. */
  touch(pane: Pane<K, Acc>, entry: PaneEntry<K, Acc>): void {
    const { sinceEpoch, epoch, writer } = this.#options
    if (entry.epoch < sinceEpoch || entry.epoch >= epoch - 1) return
    entry.epoch = epoch - 1
    writer.put(entry.keyHash, entry.key, pane.start, entry)
  }

  write(budget: number): boolean {
    const { writer, sections } = this.#options
    writer.check()
    let left = budget
    for (; this.#section < sections.length; this.#section++) {
      const { pane, to, gone } = sections[this.#section]!
      for (; this.#entry < to; this.#entry++) {
        if (left === 0) {
          writer.check()
          return false
        }
        left -= 1
        const entry = pane.entries[this.#entry]!
        if (gone) writer.remove(entry.keyHash, entry.key, pane.start)
        else this.touch(pane, entry)
      }
      this.#entry = sections[this.#section + 1]?.from ?? 0
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
