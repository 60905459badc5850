/** A record in a window, with its event time. */
export interface WindowRecord<T> {
  readonly value: T
  readonly timeMs: number
}

/**
 * Throws records out of a window when it fires: before its content leaves, or after. Windows with an evictor keep all of their
 * records.
 */
export interface Evictor<T = unknown> {
  /** Names it in snapshots, with its settings. */
  readonly description: string
  /** @param records in the order of arrival @returns those that stay, in any order */
  before?(records: readonly WindowRecord<T>[]): readonly WindowRecord<T>[]
  after?(records: readonly WindowRecord<T>[]): readonly WindowRecord<T>[]
}

/** When an evictor does its work. */
export interface EvictorOptions {
  /** True: after the content has left. Default: before. */
  readonly after?: boolean
}

/** An evictor that does one thing, before or after. */
export function evictor<T>(
  description: string,
  evict: (records: readonly WindowRecord<T>[]) => readonly WindowRecord<T>[],
  { after = false }: EvictorOptions = {},
): Evictor<T> {
  return after ? { description: `${description} after`, after: evict } : { description, before: evict }
}
