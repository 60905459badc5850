import { watermarkMsOf } from "./event-time.ts"

/**
 * Makes the watermark of one source split. Pure. Times are event-time ms.
 *
 * Watermark w says: no record with time <= w follows, unless it is late. It never goes back.
 */
export interface SplitWatermarks {
  /** Takes a record and its time: a whole, finite number. */
  observe(value: unknown, timeMs: number): void
  /** Time passes without records. `nowMs` is the wall clock, epoch ms. */
  tick(nowMs: number): void
  /** -Infinity before the first. */
  readonly watermarkMs: number
  /** The newest time observed; -Infinity before the first. */
  readonly newestMs: number
  /** What a checkpoint keeps of it. */
  capture(): WatermarkProgress
}

/** Where the watermark of a split stands. Plain data. */
export interface WatermarkProgress {
  /** Newest event time seen in the split, epoch ms; -Infinity before the first. */
  readonly newestMs: number
  /** Of a generator of the user's. */
  readonly generator?: {
    readonly watermarkMs: number
    /** What it remembers: plain JSON data. */
    readonly state?: unknown
  }
}

export const NO_PROGRESS: WatermarkProgress = { newestMs: Number.NEGATIVE_INFINITY }

/** How the watermark of each split of a source is made. */
export type WatermarkSpec =
  | { readonly kind: "bounded"; readonly boundMs: number }
  | { readonly kind: "generator"; create(): WatermarkGenerator<unknown> }

/**
 * A watermark generator of your own, one for each split.
 *
 * What it answers is the split's watermark: the claim that no record of an earlier or equal time follows. An answer that goes
 * back, or none, changes nothing.
 */
export interface WatermarkGenerator<T> {
  /** Sees every record of the split, with its event time. */
  onRecord?(value: T, timeMs: number): number | Date | undefined
  /** Called at an interval (`watermarkEvery`) while the split is read, also when there are no records. `nowMs`: the wall clock, epoch ms. */
  onTick?(nowMs: number): number | Date | undefined
  /** What it remembers, for checkpoints: JSON data. Without it a restored split begins with a new generator. */
  capture?(): unknown
  /** Goes on from what `capture` answered. Called before the first record. */
  restore?(state: never): void
}

/** The watermarks of one split, from its beginning or from where a checkpoint left it. */
export function createSplitWatermarks(spec: WatermarkSpec, from: WatermarkProgress): SplitWatermarks {
  if (spec.kind === "bounded") return new BoundedWatermarks(spec.boundMs, from)
  return new GeneratedWatermarks(spec.create(), from)
}

/**
 * The watermark of a split whose records are at most `boundMs` behind the newest one before them. A record may repeat the time
 * `newest - bound`, so the watermark is one less (as Flink's BoundedOutOfOrdernessWatermarks). O(1).
 */
export class BoundedWatermarks implements SplitWatermarks {
  readonly #boundMs: number
  newestMs: number

  /** @param boundMs ms >= 0; 0: times never fall */
  constructor(boundMs: number, from: WatermarkProgress = NO_PROGRESS) {
    this.#boundMs = boundMs
    this.newestMs = from.newestMs
  }

  observe(_value: unknown, timeMs: number): void {
    if (timeMs > this.newestMs) this.newestMs = timeMs
  }

  tick(): void {
    // Only records move it.
  }

  get watermarkMs(): number {
    return this.newestMs - this.#boundMs - 1
  }

  capture(): WatermarkProgress {
    return { newestMs: this.newestMs }
  }
}

/** The watermark of a split as the user's generator says. */
export class GeneratedWatermarks implements SplitWatermarks {
  readonly #generator: WatermarkGenerator<unknown>
  newestMs: number
  watermarkMs: number

  constructor(generator: WatermarkGenerator<unknown>, from: WatermarkProgress) {
    this.#generator = generator
    this.newestMs = from.newestMs
    this.watermarkMs = from.generator?.watermarkMs ?? Number.NEGATIVE_INFINITY
    if (from.generator?.state !== undefined) generator.restore?.(from.generator.state as never)
  }

  observe(value: unknown, timeMs: number): void {
    if (timeMs > this.newestMs) this.newestMs = timeMs
    this.#take(this.#generator.onRecord?.(value, timeMs), "onRecord of the watermark generator")
  }

  tick(nowMs: number): void {
    this.#take(this.#generator.onTick?.(nowMs), "onTick of the watermark generator")
  }

  capture(): WatermarkProgress {
    const { newestMs, watermarkMs } = this
    const state = this.#generator.capture?.()
    return { newestMs, generator: state === undefined ? { watermarkMs } : { watermarkMs, state } }
  }

  #take(answer: number | Date | undefined, what: string): void {
    if (answer === undefined) return
    const ms = watermarkMsOf(answer, what)
    if (ms > this.watermarkMs) this.watermarkMs = ms
  }
}
