/**
 * A job with much state: `keys` keys are filled first, then updated `updates` times, `hot` of them in turn but for every
 * tenth update, which may hit any key. What it does with its thread is written down outside:
 * from `warmUp` updates on: slot 0, the longest time between two looks of the operator at the clock, in ms, while updates flow; slot 1, the longest
 * processor time of the thread in between, where the system tells; slot 2, ms from the first update to the last.
 */
import { generate, pipeline, recordType, valueState } from "millrace"
import { ndjson } from "millrace/files"
import { ThreadClock } from "./thread-clock.ts"

interface Update {
  readonly n: number
  readonly key: string
}

interface Sum {
  count: number
  sum: number
  readonly first: number
}

const LOOK_EVERY = 64

export default pipeline(
  "keyed-state",
  ({ source, params }) => {
    const { keys, updates, warmUp, hot, every } = params
    const notes = new Float64Array(params.notes)
    const keyOf = (n: number): string => {
      if (n < keys) return `key-${n}`
      return n % 10 === 0 ? `key-${(Math.imul(n, 0x9e3779b1) >>> 0) % keys}` : `key-${n % hot}`
    }
    let clock: ThreadClock | undefined
    let lookMs = 0
    let lookCpuMs = 0
    let startMs = 0
    source(generate({ count: keys + updates, splits: 1, record: (n): Update => ({ n, key: keyOf(n) }) }))
      .parallelism(1)
      .name("updates")
      .keyBy((update) => update.key)
      .process({
        emits: recordType<{ key: string; count: number; sum: number }>(),
        state: { sum: valueState<Sum>() },
        onRecord({ n }, ctx) {
          if (n % LOOK_EVERY === 0 && n >= keys + warmUp) {
            clock ??= new ThreadClock()
            const nowMs = performance.now()
            const cpuMs = clock.cpuMs()
            if (startMs === 0) startMs = nowMs
            else {
              notes[0] = Math.max(notes[0]!, nowMs - lookMs)
              notes[1] = Math.max(notes[1]!, cpuMs - lookCpuMs)
              notes[2] = nowMs - startMs
            }
            lookMs = nowMs
            lookCpuMs = cpuMs
          }
          const held = ctx.state.sum.get() ?? { count: 0, sum: 0, first: n }
          held.count += 1
          held.sum += n
          ctx.state.sum.set(held)
          if (n % every === 0) ctx.emit({ key: ctx.key, count: held.count, sum: held.sum })
        },
      })
      .name("sums")
      .parallelism(1)
      .to(ndjson(params.out))
  },
  {
    params: {
      keys: 1_000_000,
      updates: 4_000_000,
      warmUp: 100_000,
      hot: 10_000,
      every: 100,
      out: "",
      notes: new SharedArrayBuffer(32),
    },
  },
)
