/**
 * Counters of one subtask in shared memory: written by its worker alone, with plain stores, and read by the main thread
 * at any time. A reading may lag, it is never torn: each counter is one aligned double.
 *
 * ```
 * slot k (128 bytes, one cache-line pair per subtask):
 *   0 recordsIn | 1 recordsOut | 2 late | 3 skipped | 4 busyMs | 5 backpressuredMs | 6 idleMs | 7 watermarkMs
 *   8 inFlight  | 9 credits    | 10 newestEventMs | 11 pausedMs | 12 idleInput (0 or 1)
 *   13 longestStepMs | 14 longestStepBeforeMs (longest-step.ts) | 15 free
 * ```
 */
const SLOT_DOUBLES = 16

const OFFSET = {
  recordsIn: 0,
  recordsOut: 1,
  late: 2,
  skipped: 3,
  busyMs: 4,
  backpressuredMs: 5,
  idleMs: 6,
  watermarkMs: 7,
  inFlight: 8,
  credits: 9,
  newestEventMs: 10,
  pausedMs: 11,
  idleInput: 12,
  longestStepMs: 13,
  longestStepBeforeMs: 14,
} as const

/** The name of one counter. */
export type Counter = keyof typeof OFFSET

/** Shared memory for the counters of `subtasks` subtasks. */
export function createMetricsBuffer(subtasks: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(Math.max(1, subtasks) * SLOT_DOUBLES * 8)
  const view = new Float64Array(buffer)
  for (let slot = 0; slot < subtasks; slot++) {
    view[slot * SLOT_DOUBLES + OFFSET.watermarkMs] = Number.NEGATIVE_INFINITY
    view[slot * SLOT_DOUBLES + OFFSET.newestEventMs] = Number.NEGATIVE_INFINITY
  }
  return buffer
}

/** One subtask's counters. */
export class SubtaskMetrics {
  readonly #view: Float64Array

  constructor(buffer: SharedArrayBuffer, slot: number) {
    this.#view = new Float64Array(buffer, slot * SLOT_DOUBLES * 8, SLOT_DOUBLES)
  }

  get(counter: Counter): number {
    return this.#view[OFFSET[counter]]!
  }

  set(counter: Counter, value: number): void {
    this.#view[OFFSET[counter]] = value
  }

  add(counter: Counter, amount: number): void {
    this.#view[OFFSET[counter]]! += amount
  }
}
