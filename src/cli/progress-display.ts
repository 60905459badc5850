import type { JobMetrics } from "../observe/index.ts"
import { type Paint, painter } from "./_terminal.ts"
import type { Io } from "./io.ts"
import { progressBlock, progressLine } from "./progress-text.ts"

/** Printed lines wait for each other this long in text before they are written at once. */
const PRINT_BUFFER_CHARS = 65_536
const DEFAULT_ROWS = 24
const MAX_BLOCK_LINES = 16

/**
 * What is on the screen while a job runs: on a terminal one block that is rewritten in place, else a line per reading.
 *
 * - Lines that the pipeline prints go to stdout, in order, and never into the middle of the block.
 * - Prints are written together, at the latest in the next turn of the event loop or when `flush` or `close` is called.
 */
export class ProgressDisplay {
  readonly #io: Io
  readonly #quiet: boolean
  readonly #paint: Paint
  #block: readonly string[] = []
  #printed: string[] = []
  #printedChars = 0
  #flushing: NodeJS.Immediate | undefined

  constructor(io: Io, { quiet }: { readonly quiet: boolean }) {
    this.#io = io
    this.#quiet = quiet
    this.#paint = painter(io.stderr, io.env)
  }

  /** Shows a reading. */
  show(metrics: JobMetrics): void {
    if (this.#quiet) return
    const { stderr } = this.#io
    if (!stderr.isTTY) {
      stderr.write(`${progressLine(metrics, { columns: Number.POSITIVE_INFINITY })}\n`)
      return
    }
    // A line as wide as the terminal would wrap when the cursor moves on, and the block would grow at every redraw.
    const columns = Math.max(1, (stderr.columns ?? 80) - 1)
    const maxLines = Math.max(1, Math.min(MAX_BLOCK_LINES, (stderr.rows ?? DEFAULT_ROWS) - 2))
    const block = progressBlock(metrics, { columns, maxLines, paint: this.#paint })
    this.#erase()
    this.#draw(block)
  }

  /** A line of the pipeline's, for stdout. */
  print(line: string): void {
    this.#printed.push(line)
    this.#printedChars += line.length + 1
    if (this.#printedChars >= PRINT_BUFFER_CHARS) this.flush()
    else this.#flushing ??= setImmediate(() => this.flush())
  }

  /** A line of the engine's, for stderr; stays above the block. */
  note(line: string): void {
    const block = this.#block
    this.#erase()
    this.#io.stderr.write(`${this.#paint("yellow", line)}\n`)
    this.#draw(block)
  }

  /** Writes what was printed. */
  flush(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    if (this.#printed.length === 0) return
    const text = `${this.#printed.join("\n")}\n`
    this.#printed = []
    this.#printedChars = 0
    const block = this.#block
    // Both outputs share the screen only when both are the terminal.
    if (this.#io.stdout.isTTY) this.#erase()
    this.#io.stdout.write(text)
    if (this.#io.stdout.isTTY) this.#draw(block)
  }

  /** Writes what was printed and takes the block away. */
  close(): void {
    this.flush()
    this.#erase()
  }

  #draw(block: readonly string[]): void {
    this.#block = block
    if (block.length > 0) this.#io.stderr.write(block.join("\n"))
  }

  #erase(): void {
    const lines = this.#block.length
    if (lines === 0) return
    // To the first column of the block's first line; then everything below goes.
    this.#io.stderr.write(`\r${lines > 1 ? `\u001b[${lines - 1}A` : ""}\u001b[J`)
    this.#block = []
  }
}
