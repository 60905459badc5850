/**
 * What a bench is. `npm run bench [name ...]` runs each file `<name>.bench.ts` in a process of its own, prints what it
 * hands to `result` as a table and, at the real size, appends it to results/<name>.jsonl, from which docs/performance.md is
 * made. A bench file opens with its question, topology, baseline and bounds: the page shows that comment. It may export
 * `reasons`, by variant or by "variant: metric": what the page says where a bound does not hold.
 */

/** One row: every reading of one figure. */
export interface BenchResult {
  /** The row: "numbers, 1,024 a batch, compiled". */
  readonly variant: string
  /** "throughput", "p99.99", "loss" ... */
  readonly metric: string
  /** "records/s", "events per CPU-second", "ms", "bytes"; "x" is a ratio. */
  readonly unit: string
  /** Every repetition, in the order run. */
  readonly readings: readonly number[]
  /** The variant it is a ratio of, when unit is "x". */
  readonly against?: string
  /** The bound on the median, checked by the runner at the real size, once all figures are printed. */
  readonly atLeast?: number
  readonly atMost?: number
}

/** What the runner hands to a bench. */
export interface BenchContext {
  /** The small size, which runs with the tests and knows no bounds of time; the real size is for figures. */
  readonly smoke: boolean
  /** A line for who watches: how far it is, what a figure alone does not say. */
  report(line: string): void
  /** A row of the table and a line of the result file. */
  result(result: BenchResult): void
}

/** A bench: measures, hands over its results, and throws when what it measured was wrong. */
export type Bench = (context: BenchContext) => Promise<void>

export function check(condition: boolean, text: string): void {
  if (!condition) throw new Error(text)
}

/**
 * Runs every variant once per round: in the order given in even rounds, backwards in odd ones, so that what else the
 * machine does falls on all. Tell the progress with `BenchContext.report` inside a variant where one takes long.
 *
 * @returns the readings of each variant, in rounds' order: those of one round make a pair for `ratios`
 */
export async function alternate<V extends string>(
  rounds: number,
  variants: Record<V, () => Promise<number>>,
): Promise<Record<V, number[]>> {
  const names = Object.keys(variants) as V[]
  const readings = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<V, number[]>
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) readings[name].push(await variants[name]())
  }
  return readings
}

/** Pair ratios a[i] / b[i]. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  check(a.length === b.length, `${a.length} readings cannot be paired with ${b.length}`)
  return a.map((reading, index) => reading / b[index]!)
}

/** `median (min-max)` of some readings. */
export function spread(readings: readonly number[], digits = 0): string {
  const sorted = [...readings].sort((a, b) => a - b)
  return `${median(readings).toFixed(digits)} (${sorted[0]!.toFixed(digits)}-${sorted.at(-1)!.toFixed(digits)})`
}

export function median(readings: readonly number[]): number {
  const sorted = [...readings].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
