import type { Sink, SinkKind } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import { loadFastCheck } from "../proving/load-fast-check.ts"
import { SinkDrill } from "./_sink-drill.ts"
import { type SinkSchedule, sinkSchedules } from "./_sink-schedule.ts"

export interface TortureSinkOptions<T> {
  /** Makes the outside system empty, before every schedule. */
  reset(): Promise<void> | void
  /** What a reader of the outside system sees, in any order, as `record` made them. */
  read(): Promise<readonly T[]> | readonly T[]
  /** The n-th record, n = 0, 1, 2 ...: depends on n alone, and all are different. JSON data. For an upsert sink, keys must repeat. */
  record(n: number): T
  /** Of an upsert sink: what a record is written under. */
  key?(record: T): string
  /** What the sink promises. Default: its own `kind`. */
  readonly kind?: SinkKind
  /** Schedules to try. Default 100. */
  readonly runs?: number
  /** The same seed tries the same schedules. Default: a new one each time; PROPS_SEED in the environment when there is. */
  readonly seed?: number
}

/** What was tried. */
export interface SinkTorture {
  readonly runs: number
  readonly seed: number
  /** How often each call was made. */
  readonly steps: number
}

/**
 * Takes a sink through random schedules of writes, checkpoints, commits, crashes and restarts with other parallelism, calls
 * it as the engine would, and compares what readers see with what its kind promises, after every step:
 *
 * - `transactional`: a record is there once its checkpoint was committed, once only, and never before.
 * - `upsert`: a key has the last record of the last checkpoint, or a later one; at the end its last.
 *
 * Crashes fall between any two calls, and in the middle of a commit. A process that is killed loses its writers without a
 * word; when a worker fails, the others are closed as failed. Not tried: calls that take effect after their caller has died.
 *
 * @param makeSink makes the sink, each time anew: for every process and every worker, as importing the pipeline does
 * @throws {EngineError} SINK_TORTURE_FAILED with the shortest schedule found, in words, and its seed; OPTION_INVALID;
 *   PEER_MISSING when fast-check is not installed
 */
export async function tortureSink<T>(makeSink: () => Sink<T>, options: TortureSinkOptions<T>): Promise<SinkTorture> {
  const fc = await loadFastCheck()
  const sample = makeSink()
  const kind = options.kind ?? sample.kind
  const { reset, read, record, key } = options
  if (kind === undefined) {
    throw invalid(
      `${sample.label} does not say its kind`,
      'give the sink a kind, "transactional" or "upsert", or pass one',
    )
  }
  if (kind === "upsert" && key === undefined) throw invalid("an upsert sink needs option key", "pass it")
  const drillOptions = { makeSink, kind, record, key: key ?? (() => ""), read }
  const seed = options.seed ?? seedOfEnvironment()
  let steps = 0
  const property = fc.asyncProperty(sinkSchedules(fc), async (schedule) => {
    await reset()
    const drill = new SinkDrill(drillOptions)
    try {
      await drill.run(schedule)
    } finally {
      steps += drill.log.length
    }
  })
  const found = await fc.check(property, {
    numRuns: options.runs ?? 100,
    ...(seed === undefined ? {} : { seed }),
  })
  if (!found.failed) return { runs: found.numRuns, seed: found.seed, steps }
  const [schedule] = found.counterexample as [SinkSchedule]
  throw await failure(sample.label, kind, found.seed, async () => {
    await reset()
    const drill = new SinkDrill(drillOptions)
    return drill.run(schedule).then(
      () => ({ log: drill.log, error: found.errorInstance }),
      (error: unknown) => ({ log: drill.log, error }),
    )
  })
}

async function failure(
  label: string,
  kind: SinkKind,
  seed: number,
  replay: () => Promise<{ readonly log: readonly string[]; readonly error: unknown }>,
): Promise<EngineError> {
  const { log, error } = await replay()
  const reason = error instanceof Error ? error.message : String(error)
  const steps = log.map((step, index) => `  ${index + 1}. ${step}`).join("\n")
  return new EngineError(
    "SINK_TORTURE_FAILED",
    `Cannot call ${label} ${kind === "upsert" ? "an upsert" : "a transactional"} sink: ${reason}, after these steps:\n${steps}\nmend the sink, and try seed ${seed} again`,
    { cause: error, details: { seed, reason, steps: log.length } },
  )
}

function invalid(state: string, remedy: string): EngineError {
  return new EngineError("OPTION_INVALID", `Cannot torture a sink: ${state}; ${remedy}`)
}

function seedOfEnvironment(): number | undefined {
  const text = process.env.PROPS_SEED
  return text === undefined || text === "" ? undefined : Number(text) | 0
}
