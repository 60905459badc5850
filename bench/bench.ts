/** What the runner hands to a bench. */
export interface BenchContext {
  /** The small size, which runs with the tests; the real size is for figures. */
  readonly smoke: boolean
  report(line: string): void
}

/** A bench: measures, reports, and throws when its own result is wrong or its bound is broken. */
export type Bench = (context: BenchContext) => Promise<void>

export function check(condition: boolean, text: string): void {
  if (!condition) throw new Error(text)
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
