export interface ShuffleOptions {
  readonly path: string
  /** Only the first flights of the file. Default: all. */
  readonly rows?: number
  /** No flight comes this much event time, or more, behind a newer one. Default: an hour. */
  readonly boundMs?: number
  readonly seed?: number
}

export function writeShuffledFlights(
  options: ShuffleOptions,
): Promise<{ rows: number; outOfOrder: number; maxLatenessMs: number }>
