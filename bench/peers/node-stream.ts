/** Both tasks with node:stream in object mode: lines -> words -> counts -> tally. */
import { Readable, Transform, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { Tally, writeTally } from "../tax/tally.ts"
import { type PeerParams, readLines, type ShiftedLines, type TimedWord, wordsOf } from "./lines.ts"
import { SecondCounts, type WordCount } from "./second-counts.ts"

export default async function runStreams(params: PeerParams): Promise<void> {
  const tally = new Tally()
  await pipeline(
    Readable.from(readLines(params)),
    splitWords(),
    params.task === "word count" ? runningCounts() : secondCounts(),
    new Writable({
      objectMode: true,
      write({ word, count, start }: WordCount, _encoding, done) {
        tally.add(word, count, start)
        done()
      },
    }),
  )
  writeTally(params.notes, 0, tally)
}

function splitWords(): Transform {
  return new Transform({
    objectMode: true,
    transform({ texts, shiftMs }: ShiftedLines, _encoding, done) {
      for (const line of texts) for (const word of wordsOf(line, shiftMs)) this.push(word)
      done()
    },
  })
}

function runningCounts(): Transform {
  const counts = new Map<string, number>()
  return new Transform({
    objectMode: true,
    transform({ word }: TimedWord, _encoding, done) {
      const count = (counts.get(word) ?? 0) + 1
      counts.set(word, count)
      done(null, { word, count, start: 0 })
    },
  })
}

function secondCounts(): Transform {
  const counts: SecondCounts = new SecondCounts((row) => stream.push(row))
  const stream = new Transform({
    objectMode: true,
    transform({ timeMs, word }: TimedWord, _encoding, done) {
      counts.observe(timeMs)
      counts.add(timeMs, word)
      done()
    },
    flush(done) {
      counts.fire(Number.POSITIVE_INFINITY)
      done()
    },
  })
  return stream
}
