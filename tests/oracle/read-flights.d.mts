export interface FlightColumns {
  /** Epoch ms. */
  date: number[]
  /** Minutes. */
  delay: number[]
  /** Miles. */
  distance: number[]
  origin: string[]
  destination: string[]
}

export const FLIGHTS_FILE: URL

export function readFlights(
  take: (columns: FlightColumns) => void,
  options?: { readonly rows?: number; readonly columns?: readonly (keyof FlightColumns)[] },
): Promise<void>

export function flightFacts(): Promise<{
  rows: number
  nulls: number
  outOfOrder: number
  maxLatenessMs: number
  airports: number
  first: string
  last: string
}>
