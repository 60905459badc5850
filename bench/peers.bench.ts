/**
 * Question: what does one gain over what Node developers use today?
 * Tasks: word count, a row for every word with its count so far; and counts per word in windows of a second of event time. Two cores.
 * Baselines, over the same bytes, with the same rows (counts and digests are compared): RxJS, node:stream in object mode, async
 * generators, and two worker threads with postMessage written by hand. But for the last each is bound to one thread. None has windows
 * of event time: all share a class that does it (bench/peers/second-counts.ts). The engine's windows are in two phases.
 * Bound, on medians of pairs, start-up and end included: ahead of each.
 * Left out: kafka-streams (no longer kept), d2ts (changes per batch, not rows), effect (windows of processing time only).
 */
import { fileURLToPath } from "node:url"
import { MessageChannel } from "node:worker_threads"
import { run } from "millrace"
import { alternate, type Bench, check, ratios } from "./bench.ts"
import { makeLines, type PeerParams, type Task, WORDS_PER_LINE } from "./peers/lines.ts"
import { runInThread } from "./tax/run-in-thread.ts"
import { readTally, tallyMemory } from "./tax/tally.ts"

const path = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url))
const ROUNDS = 3
const ENGINE = "millrace"

const bench: Bench = async ({ smoke, report, result }) => {
  const lines = makeLines(smoke ? 5_000 : 100_000)
  // Long enough that starting three threads, and compiling in each, is not what is measured.
  const passes = smoke ? 1 : 4
  const words = lines.count * passes * WORDS_PER_LINE
  for (const task of ["word count", "windows"] as const) {
    let expected: { readonly rows: number; readonly digest: number } | undefined
    const measured = (name: string, once: (params: PeerParams) => Promise<void>) => async (): Promise<number> => {
      const notes = tallyMemory(2)
      const startMs = performance.now()
      await once({ task, lines, passes, notes })
      const rate = (words * 1000) / (performance.now() - startMs)
      const tally = readTally(notes)
      report(`${task}, ${name}: ${(rate / 1e6).toFixed(2)} million words/s`)
      expected ??= tally
      check(
        tally.rows === expected.rows && tally.digest === expected.digest,
        `${task}, ${name}: ${tally.rows} rows with the digest ${tally.digest}, not ${expected.rows} with ${expected.digest}`,
      )
      return rate
    }
    const inThread = (name: string, module: string) => measured(name, (params) => runInThread(path(module), params))
    const rates = await alternate(smoke ? 1 : ROUNDS, {
      [ENGINE]: measured(ENGINE, async (params) => {
        const job = await run(path("job.ts"), { workers: 2, parallelism: 2, params })
        await job.done
      }),
      "postMessage by hand": measured("postMessage by hand", byHand),
      rxjs: inThread("rxjs", "rxjs.ts"),
      "node:stream": inThread("node:stream", "node-stream.ts"),
      "async generators": inThread("async generators", "async-iterators.ts"),
    })
    reportRates(task, rates)
  }

  function reportRates(task: Task, rates: Readonly<Record<string, readonly number[]>>): void {
    for (const [name, readings] of Object.entries(rates)) {
      const variant = `${task}, ${name}`
      result({ variant, metric: "throughput", unit: "words/s", readings })
      if (name === ENGINE) continue
      const ahead = ratios(rates[ENGINE]!, readings)
      result({
        variant: `${task}, ${ENGINE}`,
        metric: `ahead of ${name}`,
        unit: "x",
        readings: ahead,
        against: variant,
        atLeast: 1,
      })
    }
  }
}
export default bench

async function byHand(params: PeerParams): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  await Promise.all(
    [port1, port2].map((port, k) => runInThread(path("post-message.ts"), { ...params, k, port }, [port])),
  )
}

const EXCHANGE =
  "every word is a record with a row of its own: half of them are encoded, sent to the other thread and decoded, where a program on one thread hands over a pointer"
const TWO_STARTS =
  "a profile has most samples where lines are split into words, as all do, and where words are looked up among the sender's sums; behind these come loading and compiling in three threads, which in runs of seconds nobody else pays"
export const reasons = {
  "word count, millrace": EXCHANGE,
  "windows, millrace": TWO_STARTS,
}
