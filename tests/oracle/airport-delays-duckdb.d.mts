import type { HourlyRow, OracleOptions, WorstRow } from "./airport-delays-oracle.mjs"

export function hourlyDuckdb(options?: OracleOptions): Promise<HourlyRow[]>
export function worstDuckdb(options?: OracleOptions): Promise<WorstRow[]>
export function compareOracles(options?: OracleOptions): Promise<{ differences: string[]; differenceCount: number }>
