export interface HourlyRow {
  airport: string
  /** ISO 8601, UTC. */
  windowStart: string
  flights: number
  meanDelay: number
  maxDelay: number
  lateShare: number
}

export interface WorstRow {
  /** YYYY-MM-DD, UTC. */
  day: string
  rank: number
  airport: string
  meanDelay: number
  flights: number
}

export interface OracleOptions {
  /** Only the first flights of the file. */
  readonly rows?: number
}

export function hourlyOracle(options?: OracleOptions): Promise<HourlyRow[]>
export function worstOracle(options?: OracleOptions): Promise<WorstRow[]>
export function compareWithOracle(
  dir: string,
  options?: OracleOptions,
): Promise<{ hourlyRows: number; worstRows: number; differences: string[]; differenceCount: number }>
export function compareRows<Row extends object>(
  name: string,
  actual: readonly Row[],
  expected: readonly Row[],
  keyOf: (row: Row) => string,
): string[]
