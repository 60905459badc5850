import type { Committable, Operator, OperatorContext, SinkWriter } from "../contracts/index.ts"
import { newCells, newNumbers } from "../records/index.ts"
import { WriteSize } from "./_write-size.ts"

/** Records handed to a writer at once, at most. */
export const SINK_BATCH_RECORDS = 512

/**
 * Gathers records and hands them to a `SinkWriter` in batches.
 *
 * - Order: the writer sees the records in the order in which they came.
 * - Back-pressure: while the promise of a write is unresolved the operator is `pending` and nothing is offered; records
 *   that come all the same are kept. It asks to be stepped when the promise settles.
 * - Size: at most SINK_BATCH_RECORDS at once, fewer where the writer is slow by the record.
 * - Waiting: the subtask calls `flush` at the end of a step, so a batch is as large as what came in it, and a single
 *   record does not wait for others.
 * - Failure: a failed write is rethrown by the next call of anything but `close`, and by every one after that.
 */
export class SinkOperator<T> implements Operator<T, never> {
  readonly #writer: SinkWriter<T>
  readonly #size = new WriteSize(SINK_BATCH_RECORDS)
  #context: OperatorContext | undefined
  /** Have room for as many records as the batch before them had. */
  #values = newCells<T>()
  #times = newNumbers()
  #gathered = 0
  /** Settles, never rejects, when the write under way has ended: undefined when there is none. */
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #recordsWritten = 0

  /** @param options.writer ready to be written to */
  constructor(options: { readonly writer: SinkWriter<T> }) {
    this.#writer = options.writer
  }

  get pending(): boolean {
    return this.#writing !== undefined || this.#failure !== undefined
  }

  /** Records that the writer has taken: those of a write under way or failed do not count. */
  get recordsWritten(): number {
    return this.#recordsWritten
  }

  /** Records gathered and not yet handed to the writer. */
  get gathered(): number {
    return this.#gathered
  }

  open(context: OperatorContext): void {
    this.#context = context
  }

  onRecord(value: T, timeMs: number): void {
    this.#rethrow()
    // Unlike push this is compiled in place, whatever the values are.
    const at = this.#gathered++
    this.#values[at] = value
    this.#times[at] = timeMs
    if (at + 1 >= this.#size.records) this.#offer()
  }

  /** Goes on after a write has ended. */
  resume(): void {
    this.flush()
  }

  finish(): void {
    this.flush()
  }

  /** Hands what is gathered to the writer, if it is not busy. To be called at the end of every step. */
  flush(): void {
    this.#rethrow()
    this.#offer()
  }

  /**
   * Writes all that is gathered, then lets the writer make it ready to commit. No records may come until `onCut` is called:
   * the next ones belong to the next commit.
   * @returns what the committer needs; rejects with the first failure of a write
   */
  async prepareCommit(checkpointId: number, onCut: () => void = () => undefined): Promise<readonly Committable[]> {
    await this.#writeAll()
    const prepared = this.#writer.prepareCommit?.(checkpointId)
    if (this.#writer.writesWhilePreparing !== true) await prepared
    onCut()
    return (await prepared) ?? []
  }

  /**
   * Waits for the write under way, writes what is left unless the job failed, and closes the writer in any case.
   * Rejects with what went wrong in that: a job that has otherwise ended well has then failed to write its output.
   */
  async close(failed: boolean): Promise<void> {
    let incomplete = failed
    try {
      await this.#writing
      if (!failed) {
        incomplete = true
        await this.#writeAll()
        incomplete = false
      }
    } finally {
      await this.#writer.close?.(incomplete)
    }
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      await this.#writing
      this.#rethrow()
      if (this.#gathered === 0) return
      this.#offer()
    }
  }

  #offer(): void {
    while (this.#writing === undefined && this.#gathered > 0) {
      const [values, times] = this.#takeBatch()
      const count = values.length
      let answer: unknown
      try {
        answer = this.#writer.write(values, times)
      } catch (error) {
        this.#failure = { error }
        throw error
      }
      // Writers in plain JavaScript may return anything; only a promise means "wait".
      if (isThenable(answer)) this.#await(answer, count)
      else this.#recordsWritten += count
    }
  }

  #takeBatch(): [T[], number[]] {
    const { records } = this.#size
    const gathered = this.#gathered
    this.#values.length = gathered
    this.#times.length = gathered
    if (gathered > records) {
      this.#gathered = gathered - records
      return [this.#values.splice(0, records), this.#times.splice(0, records)]
    }
    // The arrays belong to the writer from here on.
    const batch: [T[], number[]] = [this.#values, this.#times]
    this.#values = newCells<T>(gathered)
    this.#times = newNumbers(gathered)
    this.#gathered = 0
    return batch
  }

  #await(answer: PromiseLike<unknown>, count: number): void {
    const startMs = this.#context?.now() ?? 0
    const settle = () => {
      this.#writing = undefined
      this.#context?.wake()
    }
    this.#writing = Promise.resolve(answer).then(
      () => {
        this.#recordsWritten += count
        this.#size.observe(count, (this.#context?.now() ?? 0) - startMs)
        settle()
      },
      (error: unknown) => {
        this.#failure = { error }
        settle()
      },
    )
  }

  #rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
}
