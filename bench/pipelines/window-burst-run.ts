/** One run of window-burst.ts with a savepoint in the middle of its burst. In a process of its own (child.mjs). */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { run } from "millrace"
import { check } from "../bench.ts"
import {
  AGE,
  AGED,
  BARRIER_MS,
  GO,
  LONGEST_BUT_GC_MS,
  LONGEST_GC_MS,
  LONGEST_STEP_CPU_MS,
  NOTES,
  RESULTS,
  RESULTS_AT_BARRIER,
  SIGNALS,
  STOP,
} from "./window-burst.ts"

interface BurstRunOptions {
  readonly keys: number
  /** Whether the windows have left the young generation. */
  readonly aged: boolean
  readonly youngGenerationMb?: number
  /** Before the burst. */
  readonly waitMs: number
  readonly mayEndBeforeBarrier: boolean
}

/** Of the worse subtask. */
export interface BurstRun {
  /** From asking for the savepoint to its barrier behind the windows. */
  readonly latencyMs: number
  readonly stepCpuMs: number
  /** Of any chain, by the wall clock. */
  readonly stepMs: number
  readonly pauseMs: number
  /** By subtask: the longest time between 16 results but for pauses, and the longest pause. */
  readonly subtasks: string
}

const WARM_UP_KEYS = 1_000

const BURST = fileURLToPath(new URL("./window-burst.ts", import.meta.url))

export default async function measure(options: BurstRunOptions): Promise<BurstRun> {
  // The first savepoint of a process loads modules: 50 to 90 ms.
  await once({ ...options, keys: WARM_UP_KEYS, aged: false, waitMs: 0, mayEndBeforeBarrier: true })
  return once(options)
}

async function once(options: BurstRunOptions): Promise<BurstRun> {
  const { keys, aged, youngGenerationMb, waitMs, mayEndBeforeBarrier } = options
  const directory = mkdtempSync(join(tmpdir(), "millrace-windows-bench-"))
  const shared = { notes: new SharedArrayBuffer(2 * NOTES * 8), signals: new SharedArrayBuffer(SIGNALS * 4) }
  const notes = [0, NOTES].map((at) => new Float64Array(shared.notes, at * 8, NOTES))
  const signals = new Int32Array(shared.signals)
  const sumOf = (place: number) => notes.reduce((sum, of) => sum + of[place]!, 0)
  const worst = (place: number) => Math.max(...notes.map((each) => each[place]!))
  try {
    const job = await run(BURST, {
      workers: 2,
      params: { ...shared, keys, kind: "session" },
      ...(youngGenerationMb === undefined ? {} : { youngGenerationMb }),
    })
    const failure = job.done.then(() => undefined)
    // All keys have come to the windows when the sources have read them and nothing is on its way.
    const filled = async () => {
      for (;;) {
        const { recordsIn, inFlight } = job.readMetrics()
        if (recordsIn >= keys && inFlight === 0) return
        await sleep(20)
      }
    }
    await Promise.race([filled(), failure])
    if (aged) {
      // The first savepoint of a thread runs code that has never run in it.
      await job.savepoint({ directory: join(directory, "first") })
      for (const each of notes) each[BARRIER_MS] = 0
      Atomics.store(signals, AGE, 1)
      while (Atomics.load(signals, AGED) < 2) await Promise.race([sleep(5), failure])
    }
    // The steps that filled the windows, and found code that had never run, are no part of it.
    await Promise.race([sleep(waitMs), failure])
    Atomics.store(signals, GO, 1)
    while (sumOf(RESULTS) < keys / 10) await Promise.race([sleep(1), failure])
    const askedMs = performance.timeOrigin + performance.now()
    await job.savepoint({ directory: join(directory, "savepoint") })
    while (sumOf(RESULTS) < keys) await Promise.race([sleep(1), failure])
    const stepMs = Math.max(...job.readMetrics().vertices.map((vertex) => vertex.longestStepMs))
    Atomics.store(signals, STOP, 1)
    await job.done
    check(sumOf(RESULTS) === keys, `${sumOf(RESULTS)} results of ${keys} windows`)
    check(mayEndBeforeBarrier || sumOf(RESULTS_AT_BARRIER) < keys, "the burst was over before the barrier came")
    return {
      latencyMs: worst(BARRIER_MS) - askedMs,
      stepCpuMs: worst(LONGEST_STEP_CPU_MS),
      stepMs,
      pauseMs: worst(LONGEST_GC_MS),
      subtasks: notes
        .map((each) => `${each[LONGEST_BUT_GC_MS]!.toFixed(1)} and ${each[LONGEST_GC_MS]!.toFixed(1)}`)
        .join("; "),
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
