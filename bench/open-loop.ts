/**
 * Events that have their moment: event n is due `n / rate` seconds after the start, whether anyone is ready for it or not. A
 * thread of its own (the outside world) says how many are due, every 0.2 ms, and rings; who reads them says when it is late.
 */
import { Worker } from "node:worker_threads"

const WORDS = 8
const DUE = 0
const STOP = 1
const NEVER = 2

/** Shared with every thread of a run. Plain data. */
export interface OpenLoop {
  readonly words: SharedArrayBuffer
  readonly perSecond: number
  /** On `monotonicMs`. */
  readonly startMs: number
}

/** One clock for all threads, ms with fractions: performance.now() has an origin per thread. */
export function monotonicMs(): number {
  return OFFSET_MS + performance.now()
}

/** What to add to performance.now(), from the reading that took least time: the first ones meet code that has never run. */
const OFFSET_MS = (() => {
  let offsetMs = 0
  let leastMs = Number.POSITIVE_INFINITY
  for (let reading = 0; reading < 1_000; reading++) {
    const beforeMs = performance.now()
    const clockMs = Number(process.hrtime.bigint()) / 1e6
    const tookMs = performance.now() - beforeMs
    if (tookMs >= leastMs) continue
    leastMs = tookMs
    offsetMs = clockMs - beforeMs - tookMs / 2
  }
  return offsetMs
})()

export function openLoop(perSecond: number, inMs: number): OpenLoop {
  return { words: new SharedArrayBuffer(4 * WORDS), perSecond, startMs: monotonicMs() + inMs }
}

/** When event `n` is due, on `monotonicMs`. */
export function dueMs({ startMs, perSecond }: OpenLoop, n: number): number {
  return startMs + (n * 1000) / perSecond
}

/** Begins to ring. @returns how to end it */
export function drive(loop: OpenLoop): () => Promise<void> {
  const thread = new Worker(DRIVER, { eval: true, workerData: { ...loop, DUE, STOP, NEVER } })
  return async () => {
    Atomics.store(new Int32Array(loop.words), STOP, 1)
    await new Promise((resolve) => thread.once("exit", resolve))
  }
}

/** So many events are due from now on, for a run as fast as it goes. */
export function floodUpTo({ words }: OpenLoop, count: number): void {
  Atomics.store(new Int32Array(words), DUE, count)
  Atomics.notify(new Int32Array(words), DUE)
}

const DRIVER = `
const { words: buffer, perSecond, startMs, DUE, STOP, NEVER } = require("node:worker_threads").workerData
const words = new Int32Array(buffer)
while (Atomics.load(words, STOP) === 0) {
  const due = Math.floor(((Number(process.hrtime.bigint()) / 1e6 - startMs) * perSecond) / 1000)
  if (due > Atomics.load(words, DUE)) {
    Atomics.store(words, DUE, due)
    Atomics.notify(words, DUE)
  }
  Atomics.wait(words, NEVER, 0, 0.2)
}
`

/** Of lib.es2024; what Node 20 has. */
interface AsyncAtomics {
  waitAsync(words: Int32Array, index: number, value: number): { async: false } | { async: true; value: Promise<string> }
}

/** How many events are due, once that is more than `known`. */
export async function moreThan(loop: OpenLoop, known: number, signal?: AbortSignal): Promise<number> {
  const words = new Int32Array(loop.words)
  for (;;) {
    const due = Atomics.load(words, DUE)
    if (due > known || signal?.aborted === true) return due
    const waiting = (Atomics as unknown as AsyncAtomics).waitAsync(words, DUE, due)
    if (waiting.async) await waiting.value
  }
}
