/** One event at a time, when it is due, through an exchange to a sink that notes the time in slot 0 and the event's number in slot 1. */
import { pipeline, type Sink, type Source } from "millrace"
import { monotonicMs, moreThan, type OpenLoop } from "../open-loop.ts"

function due(words: SharedArrayBuffer): Source<number> {
  const loop: OpenLoop = { words, perSecond: 1, startMs: 0 }
  return {
    label: "one at a time",
    bounded: false,
    splitsInOrder: true,
    splits: () => [{ id: "all", data: null }],
    async *read(_split, _from, { signal }) {
      for (let seen = 0; ; ) {
        const next = await moreThan(loop, seen, signal)
        if (signal.aborted) return
        seen = next
        yield { values: [next], next }
      }
    },
  }
}

function noting(written: SharedArrayBuffer): Sink<number> {
  const results = new Float64Array(written)
  return {
    label: "clock",
    writer: () => ({
      write(values) {
        results[0] = monotonicMs()
        results[1] = values.at(-1)!
      },
    }),
  }
}

export default pipeline(
  "wake-up",
  ({ source, params }) => {
    source(due(params.words))
      .parallelism(1)
      .keyBy((n) => n)
      .process<number>({ onRecord: (n, ctx) => ctx.emit(n) })
      .to(noting(params.written))
  },
  { params: { words: new SharedArrayBuffer(32), written: new SharedArrayBuffer(16) } },
)
