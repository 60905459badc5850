import type { Position, ReadContext, Source, Split } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import { loadFastCheck } from "../proving/load-fast-check.ts"
import { valueText } from "../proving/value-text.ts"

export interface TortureSourceOptions<T> {
  /** All records, in any order between splits. Default: what one reader reads from the beginning. */
  readonly expected?: readonly T[]
  /** Records read of each split at most: of a source that never ends, as many are compared. Default 2,000. */
  readonly recordsPerSplit?: number
  /** Schedules to try. Default 50. */
  readonly runs?: number
  /** The same seed tries the same schedules. Default: a new one each time; PROPS_SEED in the environment when there is. */
  readonly seed?: number
}

/** What was tried. */
export interface SourceTorture {
  readonly runs: number
  readonly seed: number
  readonly crashes: number
  /** Records read in all. */
  readonly records: number
}

/** Of one reader: it crashes after so many whole batches, and so many records of the next. */
interface Life {
  readonly batches: number
  readonly records: number
}
interface Schedule {
  readonly parallelism: number
  /** Chooses the split. */
  readonly split: number
  readonly lives: readonly Life[]
}

const MOST_PARALLELISM = 4

/** What a source did that it must not. */
class Broken extends Error {}

/**
 * Reads a source as jobs do that crash and go on, and compares with what one reader reads from the beginning:
 *
 * - splits have ids of their own, the same each time, and between them every record once, whatever the parallelism;
 * - after a crash at any record, a new reader goes on from the position of the last whole batch, leaves out the records that were
 *   taken behind it, and reads exactly what follows; positions have been through JSON, as in a checkpoint.
 *
 * @param makeSource makes the source, each time anew: for every process and every worker, as importing the pipeline does
 * @throws {EngineError} SOURCE_TORTURE_FAILED with the shortest schedule found, in words, and its seed; PEER_MISSING when
 *   fast-check is not installed; what the source itself throws
 */
export async function tortureSource<T>(
  makeSource: () => Source<T>,
  options: TortureSourceOptions<T> = {},
): Promise<SourceTorture> {
  const fc = await loadFastCheck()
  const { label } = makeSource()
  const most = options.recordsPerSplit ?? 2_000
  const found = { crashes: 0, records: 0 }
  const wholes = new Map<number, readonly { readonly split: Split; readonly texts: readonly string[] }[]>()
  try {
    for (let parallelism = 1; parallelism <= MOST_PARALLELISM; parallelism++) {
      wholes.set(parallelism, await readWhole(makeSource, parallelism, most))
    }
    // Of splits that were cut off there is no telling what should be in them together.
    const cut = [...wholes.values()].some((splits) => splits.some(({ texts }) => texts.length >= most))
    if (!cut) checkTogether(wholes, makeSource().splitsInOrder, options.expected?.map(valueText))
  } catch (error) {
    throw failure(label, error, "reading all of it", undefined)
  }

  const seed = options.seed ?? seedOfEnvironment()
  const life = fc.record({ batches: fc.nat(3), records: fc.nat(1_200) })
  const schedules = fc.record({
    parallelism: fc.integer({ min: 1, max: MOST_PARALLELISM }),
    split: fc.nat(1_000),
    lives: fc.array(life, { minLength: 1, maxLength: 4 }),
  })
  const run = async ({ parallelism, split, lives }: Schedule) => {
    const splits = wholes.get(parallelism)!
    if (splits.length === 0) return
    const chosen = splits[split % splits.length]!
    await readWithCrashes(makeSource, chosen.split, chosen.texts, lives, most, found)
  }
  const result = await fc.check(fc.asyncProperty(schedules, run), {
    numRuns: options.runs ?? 50,
    ...(seed === undefined ? {} : { seed }),
  })
  if (!result.failed) return { runs: result.numRuns, seed: result.seed, ...found }
  const [{ parallelism, split, lives }] = result.counterexample as [Schedule]
  const splits = wholes.get(parallelism)!
  const words = lives.map(({ batches, records }) => `${batches} batches and ${records} records`).join(", then after ")
  const where = `split ${splits[split % splits.length]!.split.id} of ${parallelism} readers, crashing after ${words}`
  throw failure(label, result.errorInstance, where, result.seed)
}

async function readWhole<T>(makeSource: () => Source<T>, parallelism: number, most: number) {
  const splits = await makeSource().splits({ parallelism })
  const again = await makeSource().splits({ parallelism })
  const [ids, idsAgain] = [splits.map(({ id }) => id), again.map(({ id }) => id)]
  if (valueText(ids) !== valueText(idsAgain))
    throw new Broken(`its splits are ${ids}, and when asked again ${idsAgain}`)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) throw new Broken(`two of its splits are called ${twice}`)
  const wholes: { split: Split; texts: string[] }[] = []
  for (const split of splits) {
    const texts: string[] = []
    for await (const { values } of read(makeSource(), split, undefined)) {
      texts.push(...values.map(valueText))
      if (texts.length >= most) break
    }
    wholes.push({ split, texts: texts.slice(0, most) })
  }
  return wholes
}

function checkTogether(
  wholes: ReadonlyMap<number, readonly { readonly texts: readonly string[] }[]>,
  inOrder: boolean,
  expected: readonly string[] | undefined,
): void {
  const wanted = expected ?? wholes.get(1)!.flatMap(({ texts }) => texts)
  for (const [parallelism, splits] of wholes) {
    const texts = splits.flatMap((split) => split.texts)
    compare(texts.toSorted(), wanted.toSorted(), `with ${parallelism} readers, and sorted`)
    if (inOrder && expected === undefined) compare(texts, wanted, `with ${parallelism} readers`)
  }
}

async function readWithCrashes<T>(
  makeSource: () => Source<T>,
  split: Split,
  wanted: readonly string[],
  lives: readonly Life[],
  most: number,
  found: { crashes: number; records: number },
): Promise<void> {
  const taken: string[] = []
  let from: Position | undefined
  let skip = 0
  for (const life of [...lives, undefined]) {
    let batches = life?.batches ?? Number.POSITIVE_INFINITY
    for await (const { values, next } of read(makeSource(), split, from)) {
      const room = batches > 0 ? values.length : Math.min(values.length, Math.max(skip, life!.records))
      taken.push(...values.slice(skip, room).map(valueText))
      found.records += Math.max(0, room - skip)
      if (room < values.length) {
        skip = room
        break
      }
      skip = Math.max(0, skip - values.length)
      from = throughJson(next)
      if (batches === 0 || taken.length >= most) break
      batches -= 1
    }
    if (life !== undefined) found.crashes += 1
  }
  compare(taken.slice(0, most), wanted, "after the last crash")
}

function compare(found: readonly string[], wanted: readonly string[], when: string): void {
  const length = Math.max(found.length, wanted.length)
  for (let index = 0; index < length; index++) {
    if (found[index] === wanted[index]) continue
    const [one, other] = [found[index] ?? "nothing", wanted[index] ?? "nothing"]
    throw new Broken(`record ${index} is ${one.slice(0, 200)} ${when}, where ${other.slice(0, 200)} was to be`)
  }
}

function read<T>(source: Source<T>, split: Split, from: Position | undefined) {
  return source.read(structuredClone(split), from, CONTEXT)
}

/** Nothing is slowed down; malformed input is passed over. */
const CONTEXT: ReadContext = {
  signal: new AbortController().signal,
  now: () => performance.now(),
  sleep: async () => undefined,
  rate: () => Number.POSITIVE_INFINITY,
  malformed: () => undefined,
}

function throughJson(position: Position): Position {
  return JSON.parse(JSON.stringify(position)) as Position
}

function failure(label: string, error: unknown, where: string, seed: number | undefined): unknown {
  if (!(error instanceof Broken)) return error
  const again = seed === undefined ? "" : `, and try seed ${seed} again`
  return new EngineError(
    "SOURCE_TORTURE_FAILED",
    `Cannot go on reading ${label} as it began: ${error.message}; ${where}; mend its splits and positions${again}`,
    { details: { reason: error.message, where, ...(seed === undefined ? {} : { seed }) } },
  )
}

function seedOfEnvironment(): number | undefined {
  const text = process.env.PROPS_SEED
  return text === undefined || text === "" ? undefined : Number(text) | 0
}
