/** Both tasks in millrace: each reader splits lines into words, each word's subtask counts it. */
import { count, pipeline, type Source, type SourceBatch, type Split, tumbling } from "millrace"
import { tallySink } from "../tax/tally.ts"
import { OUT_OF_ORDER_MS, type PeerParams, readBlock, type TimedWord, wordsOf } from "./lines.ts"

export default pipeline(
  "peers",
  ({ source, params }) => {
    const { task, notes } = params
    const words = source(wordSource(params), { time: ({ timeMs }) => timeMs, outOfOrder: OUT_OF_ORDER_MS })
    const byWord = words.keyBy(({ word }) => word)
    if (task === "word count") {
      byWord.aggregate({ count: count() }).to(tallySink(notes, (tally, { key, count }) => tally.add(key, count, 0)))
      return
    }
    byWord
      .window(tumbling("1s"))
      .twoPhase()
      .aggregate({ count: count() })
      .to(tallySink(notes, (tally, { key, count, window }) => tally.add(key, count, window.start)))
  },
  { params: { task: "word count", lines: undefined, passes: 1, notes: undefined } as unknown as PeerParams },
)

/** As many splits as readers: split k has every k-th block. */
function wordSource({ lines, passes }: PeerParams): Source<TimedWord> {
  const blocks = (lines.starts.length - 1) * passes
  return {
    label: "lines",
    bounded: true,
    splitsInOrder: false,
    splits: ({ parallelism }): Split[] =>
      Array.from({ length: parallelism }, (_, k) => ({
        id: `lines#${k}/${parallelism}`,
        data: { k, of: parallelism },
      })),
    *read(split, from): Generator<SourceBatch<TimedWord>, void> {
      const { k, of } = split.data as { k: number; of: number }
      for (let block = from === undefined ? k : Number(from); block < blocks; block += of) {
        const { texts, shiftMs } = readBlock(lines, block)
        yield { values: texts.flatMap((line) => wordsOf(line, shiftMs)), next: block + of }
      }
    },
  }
}
