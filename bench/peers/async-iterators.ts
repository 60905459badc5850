/** Both tasks with async generators, a record at a time. */
import { Tally, writeTally } from "../tax/tally.ts"
import { type PeerParams, readLines, type TimedWord, wordsOf } from "./lines.ts"
import { SecondCounts, type WordCount } from "./second-counts.ts"

export default async function runIterators(params: PeerParams): Promise<void> {
  const tally = new Tally()
  const counts = params.task === "word count" ? runningCounts : secondCounts
  for await (const { word, count, start } of counts(words(params))) tally.add(word, count, start)
  writeTally(params.notes, 0, tally)
}

async function* words(params: PeerParams): AsyncGenerator<TimedWord> {
  for (const { texts, shiftMs } of readLines(params)) for (const line of texts) yield* wordsOf(line, shiftMs)
}

async function* runningCounts(words: AsyncIterable<TimedWord>): AsyncGenerator<WordCount> {
  const counts = new Map<string, number>()
  for await (const { word } of words) {
    const count = (counts.get(word) ?? 0) + 1
    counts.set(word, count)
    yield { word, count, start: 0 }
  }
}

async function* secondCounts(words: AsyncIterable<TimedWord>): AsyncGenerator<WordCount> {
  let fired: WordCount[] = []
  const counts = new SecondCounts((row) => fired.push(row))
  for await (const { timeMs, word } of words) {
    counts.observe(timeMs)
    counts.add(timeMs, word)
    if (fired.length === 0) continue
    yield* fired
    fired = []
  }
  counts.fire(Number.POSITIVE_INFINITY)
  yield* fired
}
