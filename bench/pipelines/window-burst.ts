/**
 * A job in which the windows of all keys become due at once: `keys` windows are filled, and wait until word GO of `signals` is set; then
 * their watermark passes, and records go on coming until word STOP is. When word AGE is set, each worker lets its windows grow old. Each of the two workers writes down in `notes`, NOTES numbers
 * each, what its subtask of the windows does.
 */
import { PerformanceObserver } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { count, generate, max, pipeline, type Sink, session, sliding, sum, tumbling } from "millrace"
import { growOld } from "./grow-old.ts"
import { ThreadClock } from "./thread-clock.ts"

/** Words of `signals`. */
export const GO = 0
export const STOP = 1
/** Workers that have begun to write notes. */
const WORKERS = 2
export const AGE = 3
/** Workers whose windows are old. */
export const AGED = 4
export const SIGNALS = 5

/** Places in a worker's notes. Times of day are epoch ms. */
export const RESULTS = 0
/**
 * The most processor time of the thread, in ms, from the first result of a step to the step's end, and from there to the first result of the
 * next: no step lies in both, one that writes the snapshot lies in the second. Pauses are in it.
 */
export const LONGEST_STEP_CPU_MS = 1
/** Between two looks, each a few results after the other, by the wall clock: the longest without the collector's pauses, and the longest of these. */
export const LONGEST_BUT_GC_MS = 2
export const LONGEST_GC_MS = 3
/** When the barrier had passed the windows, and how many results had left by then. */
export const BARRIER_MS = 4
export const RESULTS_AT_BARRIER = 5
export const NOTES = 6

/** Results between two looks. */
const LOOK_EVERY = 16
/** Shorter ones are not looked through for pauses. */
const LONG_MS = 0.5

interface Hit {
  readonly key: string
  readonly at: number
  readonly amount: number
}

const KINDS = { tumbling: () => tumbling(10), sliding: () => sliding(20, 10), session: () => session<Hit>(5) }

const epochMs = (): number => performance.timeOrigin + performance.now()

export default pipeline(
  "window-burst",
  ({ source, params }) => {
    const { keys, kind } = params
    const signals = new Int32Array(params.signals)
    let notes: Notes | undefined
    const ofThisWorker = (): Notes => {
      notes ??= new Notes(new Float64Array(params.notes, Atomics.add(signals, WORKERS, 1) * NOTES * 8, NOTES))
      return notes
    }
    async function* live(): AsyncGenerator<Hit> {
      while (Atomics.load(signals, GO) === 0) await sleep(2)
      for (let n = 0; Atomics.load(signals, STOP) === 0; n++) {
        yield { key: `live ${n}`, at: 1_000, amount: 1 }
        await sleep(1)
      }
    }
    /** Its writer stands in the subtask of the windows: it writes at the end of a step that fired, and prepares when the barrier passes them. */
    const noting: Sink<unknown> = {
      label: "notes",
      writer: () => {
        growOldWhenAsked(signals)
        return {
          write: () => notes?.stepEnded(),
          prepareCommit: async () => {
            ofThisWorker().barrier()
            return []
          },
          close: () => ofThisWorker().close(),
        }
      },
    }
    source(generate({ count: keys, splits: 2, record: (n): Hit => ({ key: `key ${n}`, at: n % 5, amount: n }) }), {
      time: (hit) => hit.at,
    })
      .parallelism(2)
      .union(source(live(), { time: (hit) => hit.at, idleAfter: "never" }))
      .keyBy((hit) => hit.key)
      .window(KINDS[kind]())
      .aggregate(
        { records: count(), total: sum((hit) => hit.amount), best: max((hit) => hit.amount) },
        (results, { window }, key) => {
          if (window.end < 1_000) ofThisWorker().result()
          return { key, ...results }
        },
      )
      .parallelism(2)
      .to(noting)
      .parallelism(2)
  },
  {
    params: {
      keys: 150_000,
      kind: "session" as keyof typeof KINDS,
      notes: new SharedArrayBuffer(2 * NOTES * 8),
      signals: new SharedArrayBuffer(SIGNALS * 4),
    },
  },
)

/** As windows do that are open for longer than it takes to fill the young generation twice: some seconds, mostly. */
function growOldWhenAsked(signals: Int32Array): void {
  const look = setInterval(() => {
    if (Atomics.load(signals, AGE) === 0) return
    clearInterval(look)
    growOld()
    Atomics.add(signals, AGED, 1)
  }, 10)
}

class Notes {
  readonly #notes: Float64Array
  readonly #clock = new ThreadClock()
  readonly #pauses: { readonly startMs: number; readonly endMs: number }[] = []
  readonly #long: { readonly startMs: number; readonly endMs: number }[] = []
  readonly #observer: PerformanceObserver
  #lookMs = 0
  #resultsAtEnd = 0
  #notedCpuMs = 0

  constructor(notes: Float64Array) {
    this.#notes = notes
    this.#observer = new PerformanceObserver((list) => this.#addPauses(list.getEntries()))
    this.#observer.observe({ entryTypes: ["gc"] })
  }

  result(): void {
    const notes = this.#notes
    const before = notes[RESULTS]!
    notes[RESULTS] = before + 1
    if (before === this.#resultsAtEnd) this.#noteCpu(before > 0)
    if (before % LOOK_EVERY !== 0) return
    const nowMs = epochMs()
    if (before > 0 && nowMs - this.#lookMs > LONG_MS) this.#long.push({ startMs: this.#lookMs, endMs: nowMs })
    this.#lookMs = nowMs
  }

  stepEnded(): void {
    const results = this.#notes[RESULTS]!
    // A step that gave no result of the burst is no part of it.
    if (results === this.#resultsAtEnd) return
    this.#noteCpu(true)
    this.#resultsAtEnd = results
  }

  #noteCpu(counts: boolean): void {
    const cpuMs = this.#clock.cpuMs()
    if (counts) this.#notes[LONGEST_STEP_CPU_MS] = Math.max(this.#notes[LONGEST_STEP_CPU_MS]!, cpuMs - this.#notedCpuMs)
    this.#notedCpuMs = cpuMs
  }

  barrier(): void {
    const notes = this.#notes
    if (notes[BARRIER_MS] !== 0) return
    notes[RESULTS_AT_BARRIER] = notes[RESULTS]!
    notes[BARRIER_MS] = epochMs()
  }

  close(): void {
    const notes = this.#notes
    this.#addPauses(this.#observer.takeRecords())
    this.#observer.disconnect()
    for (const { startMs, endMs } of this.#long) {
      const pauses = this.#pauses.filter((pause) => pause.startMs < endMs && pause.endMs > startMs)
      const pausedMs = pauses.reduce((sum, pause) => sum + pause.endMs - pause.startMs, 0)
      notes[LONGEST_BUT_GC_MS] = Math.max(notes[LONGEST_BUT_GC_MS]!, endMs - startMs - pausedMs)
      for (const pause of pauses) notes[LONGEST_GC_MS] = Math.max(notes[LONGEST_GC_MS]!, pause.endMs - pause.startMs)
    }
  }

  #addPauses(entries: readonly { readonly startTime: number; readonly duration: number }[]): void {
    for (const { startTime, duration } of entries) {
      const startMs = performance.timeOrigin + startTime
      this.#pauses.push({ startMs, endMs: startMs + duration })
    }
  }
}
