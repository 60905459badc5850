/**
 * Both tasks with two threads and postMessage by hand: each thread splits half of the lines into words, counts those that hash to
 * it, and sends the other thread its own, some thousand at a time, with how far its time has come.
 */
import type { MessagePort } from "node:worker_threads"
import { Tally, writeTally } from "../tax/tally.ts"
import { OUT_OF_ORDER_MS, type PeerParams, readLines, type TimedWord, wordsOf } from "./lines.ts"
import { SecondCounts } from "./second-counts.ts"

export interface PostMessageParams extends PeerParams {
  readonly k: number
  readonly port: MessagePort
}

interface Sent {
  readonly words: readonly TimedWord[]
  /** All words before are sent. */
  readonly completeMs: number
}

const BATCH = 1_024

export default async function runThread(params: PostMessageParams): Promise<void> {
  const { task, notes, k, port } = params
  const tally = new Tally()
  const running = new Map<string, number>()
  const windows = new SecondCounts(({ word, count, start }) => tally.add(word, count, start))
  const take =
    task === "windows"
      ? ({ timeMs, word }: TimedWord) => windows.add(timeMs, word)
      : ({ word }: TimedWord) => {
          const count = (running.get(word) ?? 0) + 1
          running.set(word, count)
          tally.add(word, count, 0)
        }
  let ownMs = Number.NEGATIVE_INFINITY
  let othersMs = Number.NEGATIVE_INFINITY
  const fire = (): void => windows.fire(Math.min(ownMs, othersMs))
  const others = new Promise<void>((resolve) => {
    port.on("message", ({ words, completeMs }: Sent) => {
      for (const word of words) take(word)
      othersMs = completeMs
      fire()
      if (completeMs === Number.POSITIVE_INFINITY) resolve()
    })
  })
  let away: TimedWord[] = []
  const send = (): void => {
    port.postMessage({ words: away, completeMs: ownMs } satisfies Sent)
    away = []
  }
  for (const { texts, shiftMs } of readLines(params, k, 2)) {
    let newestMs = ownMs + OUT_OF_ORDER_MS
    for (const line of texts) {
      for (const word of wordsOf(line, shiftMs)) {
        if (word.timeMs > newestMs) newestMs = word.timeMs
        if (ownerOf(word.word) === k) take(word)
        else away.push(word)
      }
    }
    ownMs = newestMs - OUT_OF_ORDER_MS
    fire()
    if (away.length < BATCH) continue
    send()
    // What the other one sent is taken in between, else it would pile up.
    await new Promise((resolve) => setImmediate(resolve))
  }
  ownMs = Number.POSITIVE_INFINITY
  send()
  await others
  fire()
  port.close()
  writeTally(notes, k, tally)
}

function ownerOf(word: string): number {
  let hash = 0
  for (let index = 0; index < word.length; index++) hash = (Math.imul(hash, 31) + word.charCodeAt(index)) | 0
  return hash & 1
}
