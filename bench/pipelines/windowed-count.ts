/**
 * Events of an open loop, counted per key in tumbling windows of event time, which is the moment an event was due. The sink
 * notes for each result how long after the event whose time ends the window it came.
 */
import { count, pipeline, type Sink, type Source, tumbling } from "millrace"
import { LatencyHistogram } from "../histogram.ts"
import { dueMs, monotonicMs, moreThan, type OpenLoop } from "../open-loop.ts"

interface Event {
  readonly n: number
  readonly key: number
  /** ms since the start, whole */
  readonly atMs: number
}

const MOST_AT_ONCE = 1024

/** @returns a source of one split that gives what is due and waits for more */
function due(loop: OpenLoop, keys: number): Source<Event> {
  return {
    label: "open loop",
    bounded: false,
    splitsInOrder: true,
    splits: () => [{ id: "all", data: null }],
    async *read(_split, from, { signal }) {
      let next = typeof from === "number" ? from : 0
      while (!signal.aborted) {
        const end = Math.min(await moreThan(loop, next, signal), next + MOST_AT_ONCE)
        const values: Event[] = []
        for (; next < end; next++) {
          const key = (Math.imul(next, 0x9e3779b1) >>> 8) % keys
          values.push({ n: next, key, atMs: Math.floor((next * 1000) / loop.perSecond) })
        }
        if (values.length > 0) yield { values, next }
      }
    },
  }
}

interface Result {
  readonly window: { readonly end: number }
}

function latencySink(loop: OpenLoop, fromMs: number, buffer: SharedArrayBuffer): Sink<Result> {
  const histogram = new LatencyHistogram(buffer)
  return {
    label: "latency",
    writer: () => ({
      write(results) {
        const nowMs = monotonicMs()
        for (const { window } of results) {
          if (window.end < fromMs) continue
          // The first event that is not before the window's end tells that it is over.
          const closer = Math.ceil((window.end * loop.perSecond) / 1000)
          histogram.add(nowMs - dueMs(loop, closer))
        }
      },
    }),
  }
}

export default pipeline(
  "windowed-count",
  ({ source, params }) => {
    const loop: OpenLoop = { words: params.words, perSecond: params.perSecond, startMs: params.startMs }
    source(due(loop, params.keys), { time: (event) => event.atMs })
      .parallelism(1)
      .name("events")
      .keyBy((event) => event.key)
      .window(tumbling(params.windowMs))
      .aggregate({ events: count() })
      .name("counts")
      .to(latencySink(loop, params.fromMs, params.histogram) as Sink<unknown>)
  },
  {
    params: {
      words: new SharedArrayBuffer(32),
      perSecond: 1000,
      startMs: 0,
      fromMs: 0,
      keys: 100,
      windowMs: 10,
      histogram: new LatencyHistogram().buffer,
    },
  },
)
