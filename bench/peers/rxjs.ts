/** Both tasks in RxJS: groupBy and scan for running counts, an operator of our own for windows of event time, which it has none of. */
import { from, groupBy, map, mergeMap, Observable, type OperatorFunction, scan } from "rxjs"
import { Tally, writeTally } from "../tax/tally.ts"
import { type PeerParams, readLines, type TimedWord, wordsOf } from "./lines.ts"
import { SecondCounts, type WordCount } from "./second-counts.ts"

export default async function runRxjs(params: PeerParams): Promise<void> {
  const tally = new Tally()
  const words = from(readLines(params)).pipe(
    mergeMap(({ texts, shiftMs }) => from(texts).pipe(mergeMap((line) => wordsOf(line, shiftMs)))),
  )
  const counts = words.pipe(params.task === "word count" ? runningCounts : secondCounts)
  await new Promise<void>((resolve, reject) => {
    counts.subscribe({
      next: ({ word, count, start }) => tally.add(word, count, start),
      error: reject,
      complete: resolve,
    })
  })
  writeTally(params.notes, 0, tally)
}

const runningCounts: OperatorFunction<TimedWord, WordCount> = (words) =>
  words.pipe(
    groupBy(({ word }) => word),
    mergeMap((group) =>
      group.pipe(
        scan((count) => count + 1, 0),
        map((count) => ({ word: group.key, count, start: 0 })),
      ),
    ),
  )

const secondCounts: OperatorFunction<TimedWord, WordCount> = (words) =>
  new Observable((subscriber) => {
    const counts = new SecondCounts((row) => subscriber.next(row))
    return words.subscribe({
      next({ timeMs, word }) {
        counts.observe(timeMs)
        counts.add(timeMs, word)
      },
      error: (error) => subscriber.error(error),
      complete() {
        counts.fire(Number.POSITIVE_INFINITY)
        subscriber.complete()
      },
    })
  })
