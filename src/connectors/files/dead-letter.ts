import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs"
import { dirname, extname } from "node:path"
import { EngineError } from "../../errors/index.ts"

/** One malformed record, as it is written down. */
export interface DeadLetter {
  /** Where it stood: `data/a.ndjson:17` or `data/a.ndjson@1048576`. */
  readonly position: string
  readonly reason: string
  /** The record as text, at most a few KiB. */
  readonly raw: string
  /** Which source read it, e.g. `ndjson(data/*.ndjson)`. */
  readonly source: string
}

export interface DeadLetterOptions {
  readonly subtask: number
  /** True when the run goes on from a checkpoint: what it wrote before stays. Default: false, an earlier run's file is replaced. */
  readonly append?: boolean
}

const BUFFERED_CHARS = 64 * 1024

/**
 * The malformed records of one subtask, as NDJSON lines {position, reason, raw, source}.
 *
 * - `out/bad.ndjson` of subtask 2 is `out/bad-2.ndjson`: no two threads write one file. It is made with the first
 *   letter; a run without malformed records leaves none, not even that of an earlier run.
 * - `append` is synchronous and buffered (64 KiB); call `flush` before a checkpoint completes, and `close` at the end and on failure.
 * - A restored run reads some input again and may write a letter twice: positions tell them apart.
 */
export class DeadLetterFile {
  /** The file of this subtask. */
  readonly path: string
  #descriptor: number | undefined
  #text = ""
  #unsynced = false
  #closed = false

  /** @throws {EngineError} DEAD_LETTER_UNWRITABLE */
  constructor(path: string, options: DeadLetterOptions) {
    this.path = deadLetterPath(path, options.subtask)
    if (options.append === true) return
    this.#attempt(() => rmSync(this.path, { force: true }))
  }

  append(letter: DeadLetter): void {
    const { position, reason, raw, source } = letter
    this.#text += `${JSON.stringify({ position, reason, raw, source })}\n`
    if (this.#text.length >= BUFFERED_CHARS) this.#write()
  }

  /** Makes every letter so far durable. */
  flush(): void {
    this.#write()
    const descriptor = this.#descriptor
    if (descriptor === undefined || !this.#unsynced) return
    this.#attempt(() => fsyncSync(descriptor))
    this.#unsynced = false
  }

  /** Flushes and closes. May be called twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    try {
      this.flush()
    } finally {
      if (this.#descriptor !== undefined) closeSync(this.#descriptor)
      this.#descriptor = undefined
    }
  }

  #write(): void {
    if (this.#text === "") return
    const bytes = Buffer.from(this.#text)
    this.#attempt(() => {
      this.#descriptor ??= this.#open()
      this.#unsynced = true
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at)
    })
    this.#text = ""
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true })
    return openSync(this.path, "a")
  }

  #attempt(action: () => void): void {
    try {
      action()
    } catch (thrown) {
      throw new EngineError(
        "DEAD_LETTER_UNWRITABLE",
        `Cannot write malformed records to ${this.path}: ${thrown instanceof Error ? thrown.message : String(thrown)}; choose another file for badRecords.deadLetter, or "skip"`,
        { cause: thrown, details: { path: this.path } },
      )
    }
  }
}

/** `out/bad.ndjson` and subtask 2 make `out/bad-2.ndjson`; without an extension, `.ndjson` is added. */
export function deadLetterPath(path: string, subtask: number): string {
  const extension = extname(path)
  const stem = extension === "" ? path : path.slice(0, -extension.length)
  return `${stem}-${subtask}${extension === "" ? ".ndjson" : extension}`
}
