import { setImmediate as turn } from "node:timers/promises"
import type { ReadContext, Source, SourceBatch, Split } from "../../contracts/index.ts"
import { describe, EngineError } from "../../errors/index.ts"
import { Pace } from "./_pace.ts"

export interface GenerateOptions<T> {
  /** Makes record `n`. Depends on `n` alone, so that a restarted job sees the same records. */
  readonly record: (n: number) => T
  /** How many records, over all splits. Default: without end. */
  readonly count?: number
  /** Records per second, over all splits. Default: as fast as they can be made. */
  readonly rate?: number
  /** How many pieces the work comes in: split k of S makes the records n with n % S = k. Default: the source's parallelism. */
  readonly splits?: number
}

/** What `generate()` answers. */
export interface GeneratorSource<T> extends Source<T> {
  /** Records per second over all splits, Infinity when unlimited: what the readers' rates are shares of. */
  readonly rate: number
}

const BATCH_RECORDS = 1024
/** A rate that changes is noticed within this time, also by a reader that waits for its next record. */
const LONGEST_SLEEP_MS = 100
/** Time between two turns of the event loop when nothing limits the rate. */
const TURN_EVERY_MS = 2

/**
 * Makes records from their numbers 0, 1, 2, ..., at a steady rate if wanted.
 *
 * - Paced by schedule: record i is due i / rate seconds after the first, so that nothing drifts. A reader that was held up
 *   catches up, by at most one second's worth. Batches are what is due: at 1 record/s each travels alone.
 * - The rate in force is the reader's `ReadContext.rate()`, which may change while it runs; at 0 it pauses.
 * - Positions are record numbers. With several splits, order holds within each.
 *
 * @throws {EngineError} OPTION_INVALID for a count that is no whole number >= 0, a rate that is no number > 0, or
 *   splits that are no whole number >= 1
 */
export function generate<T>(options: GenerateOptions<T>): GeneratorSource<T> {
  const { record, count, rate = Number.POSITIVE_INFINITY, splits } = options
  checkOptions(options)
  return {
    label: count === undefined ? "generate" : `generate(${count})`,
    bounded: count !== undefined,
    // Split k begins with record k: each of them begins at the start, so none comes after another.
    splitsInOrder: false,
    rate,
    splits({ parallelism }) {
      const of = splits ?? Math.max(1, parallelism)
      return Array.from({ length: of }, (_, k): Split => {
        const data: SplitData = { k, of, readers: parallelism }
        return { id: `generate#${k}/${of}`, data }
      })
    },
    read(split, from, context) {
      const { k, of, readers } = split.data as SplitData
      // With a count, the rate is shared among as many readers as there are: where some have no split, the others make up for them.
      const share = count === undefined ? 1 : readers / Math.min(of, readers)
      const end = count ?? Number.POSITIVE_INFINITY
      return readRecords({ record, end, step: of, share }, typeof from === "number" ? from : k, context)
    },
  }
}

interface SplitData {
  readonly k: number
  readonly of: number
  readonly readers: number
}

interface Numbers<T> {
  readonly record: (n: number) => T
  readonly end: number
  readonly step: number
  /** What the reader's rate is multiplied by. */
  readonly share: number
}

async function* readRecords<T>(
  { record, end, step, share }: Numbers<T>,
  from: number,
  context: ReadContext,
): AsyncGenerator<SourceBatch<T>, void, undefined> {
  const pace = new Pace()
  let n = from
  let lastTurnMs = context.now()
  while (n < end && !context.signal.aborted) {
    const nowMs = context.now()
    const due = pace.due(nowMs, context.rate() * share)
    if (due === 0) {
      await context.sleep(Math.min(pace.msUntilDue(nowMs), LONGEST_SLEEP_MS))
      lastTurnMs = context.now()
      continue
    }
    if (nowMs - lastTurnMs >= TURN_EVERY_MS) {
      await turn()
      lastTurnMs = context.now()
      if (context.signal.aborted) return
    }
    const values: T[] = []
    for (const size = Math.min(due, BATCH_RECORDS); values.length < size && n < end; n += step) values.push(record(n))
    pace.made(values.length)
    yield { values, next: n }
  }
}

function checkOptions<T>({ count, rate, splits }: GenerateOptions<T>): void {
  const isWhole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least
  if (count !== undefined && !isWhole(count, 0)) throw optionInvalid("count", count, "a whole number >= 0")
  if (rate !== undefined && !(typeof rate === "number" && rate > 0)) {
    throw optionInvalid("rate", rate, "a number of records per second > 0")
  }
  if (splits !== undefined && !isWhole(splits, 1)) throw optionInvalid("splits", splits, "a whole number >= 1")
}

function optionInvalid(option: string, value: unknown, allowed: string): EngineError {
  return new EngineError(
    "OPTION_INVALID",
    `Cannot use generate(): option ${option} is ${describe(value)}; pass ${allowed}`,
    {
      details: { option },
    },
  )
}
