/** Per auction and second: how many bids, and the sum of their prices. */
import { count, pipeline, type Source, type SourceBatch, type Split, sum, tumbling } from "millrace"
import { tallySink } from "../tax/tally.ts"
import { type Bid, type Bids, OUT_OF_ORDER_MS, parseBlock, spanMs } from "./bids.ts"

export interface CostParams extends Readonly<Record<string, unknown>> {
  readonly bids: Bids
  readonly passes: number
  /** A tally of each subtask of the sink. */
  readonly notes: SharedArrayBuffer
}

export default pipeline(
  "cost",
  ({ source, params }) => {
    source(bidSource(params), { time: (bid) => bid.timeMs, outOfOrder: OUT_OF_ORDER_MS })
      .keyBy((bid) => bid.auction)
      .window(tumbling("1s"))
      .aggregate({ bids: count(), total: sum((bid) => bid.price) })
      .to(tallySink(params.notes, (tally, { key, window, bids, total }) => tally.add(key, total, bids + window.start)))
  },
  { params: { bids: undefined, passes: 1, notes: undefined } as unknown as CostParams },
)

/** As many splits as readers: split k has every k-th block. */
function bidSource({ bids, passes }: CostParams): Source<Bid> {
  const blocks = bids.starts.length - 1
  return {
    label: "bids",
    bounded: true,
    splitsInOrder: false,
    splits: ({ parallelism }): Split[] =>
      Array.from({ length: parallelism }, (_, k) => ({ id: `bids#${k}/${parallelism}`, data: { k, of: parallelism } })),
    *read(split, from): Generator<SourceBatch<Bid>, void> {
      const { k, of } = split.data as { k: number; of: number }
      for (let block = from === undefined ? k : Number(from); block < blocks * passes; block += of) {
        const pass = Math.floor(block / blocks)
        yield { values: parseBlock(bids, block % blocks, pass * spanMs(bids)), next: block + of }
      }
    },
  }
}
