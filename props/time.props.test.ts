import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BoundedWatermarks, NO_CHANGE, TimerQueue, WatermarkMerger } from "../src/time/index.ts"

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: times * fc.readConfigureGlobal().numRuns! })

const END = Number.POSITIVE_INFINITY

/** What can happen to a merger. Channels are drawn from a larger range and wrapped, so that cases shrink well. */
const mergerEvent = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("watermark" as const),
      channel: fc.nat(63),
      timeMs: fc.integer({ min: -20, max: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("data" as const), channel: fc.nat(63) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("idle" as const), channel: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("done" as const), channel: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("add" as const) }) },
)
const mergerRun = fc.record({
  channels: fc.integer({ min: 1, max: 4 }),
  events: fc.array(mergerEvent, { maxLength: 60, size: "max" }),
})

/** The plainest merger: every channel's watermark and state, and the minimum anew each time. */
class PlainMerger {
  readonly channels: { mark: number; state: "active" | "idle" | "done" }[] = []
  combined = Number.NEGATIVE_INFINITY

  settle(): void {
    const active = this.channels.filter(({ state }) => state === "active")
    if (active.length > 0) this.combined = Math.max(this.combined, Math.min(...active.map(({ mark }) => mark)))
    else if (this.channels.every(({ state }) => state === "done")) this.combined = END
  }
}

/** Plays a run on both, and calls `check` after each event. */
function playMerger(
  run: typeof mergerRun extends fc.Arbitrary<infer R> ? R : never,
  check: (answer: number, merger: WatermarkMerger, before: number, plain: PlainMerger) => void,
): void {
  const merger = new WatermarkMerger(run.channels)
  const plain = new PlainMerger()
  for (let i = 0; i < run.channels; i++) plain.channels.push({ mark: Number.NEGATIVE_INFINITY, state: "active" })
  for (const event of run.events) {
    if (merger.done) break
    const before = merger.combinedMs
    let answer = NO_CHANGE
    if (event.kind === "add") {
      const index = merger.addChannel()
      plain.channels[index] = { mark: Number.NEGATIVE_INFINITY, state: "active" }
    } else {
      const open = plain.channels.flatMap(({ state }, index) => (state === "done" ? [] : [index]))
      const channel = open[event.channel % open.length]!
      const model = plain.channels[channel]!
      if (event.kind === "watermark") {
        answer = merger.observe(channel, event.timeMs)
        model.mark = Math.max(model.mark, event.timeMs)
        model.state = "active"
      } else if (event.kind === "data") {
        answer = merger.markActive(channel)
        model.state = "active"
      } else if (event.kind === "idle") {
        answer = merger.markIdle(channel)
        model.state = "idle"
      } else {
        answer = merger.markDone(channel)
        model.state = "done"
      }
    }
    plain.settle()
    check(answer, merger, before, plain)
  }
}

describe("TIM-1", () => {
  it("combined watermark never goes back, in any order of advance, data, idle, done and added channels", () => {
    fc.assert(
      fc.property(mergerRun, (run) => {
        playMerger(run, (answer, merger, before) => {
          if (answer === NO_CHANGE) expect(merger.combinedMs).toBe(before)
          else {
            expect(answer).toBe(merger.combinedMs)
            expect(answer).toBeGreaterThan(before)
          }
        })
      }),
      runs(10),
    )
  })
})

describe("TIM-2", () => {
  it("combined watermark is the minimum over channels neither idle nor done; all idle holds; all done is +Infinity, once", () => {
    fc.assert(
      fc.property(mergerRun, (run) => {
        let ends = 0
        playMerger(run, (answer, merger, _before, plain) => {
          expect(merger.combinedMs).toBe(plain.combined)
          expect(merger.done).toBe(plain.channels.every(({ state }) => state === "done"))
          expect(merger.idle).toBe(!merger.done && plain.channels.every(({ state }) => state !== "active"))
          if (answer === END) ends++
          expect(ends).toBe(merger.done ? 1 : 0)
        })
      }),
      runs(10),
    )
  })

  it("the holder is the active channel furthest behind: the combined watermark never passes it, and rests on it or on the past", () => {
    fc.assert(
      fc.property(mergerRun, (run) => {
        playMerger(run, (_answer, merger, before, plain) => {
          const active = plain.channels.flatMap(({ mark, state }) => (state === "active" ? [mark] : []))
          const { holder } = merger
          if (active.length === 0) {
            expect(holder).toBe(-1)
            return
          }
          expect(merger.channel(holder)).toEqual({ watermarkMs: Math.min(...active), state: "active" })
          expect(plain.channels[holder]!.state).toBe("active")
          expect(merger.combinedMs).toBe(Math.max(before, Math.min(...active)))
        })
      }),
      runs(2),
    )
  })

  it("a split's watermark claims nothing that a record within the bound breaks", () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.array(fc.record({ ahead: fc.nat(20), behind: fc.double({ min: 0, max: 1, noNaN: true }) }), {
          minLength: 1,
        }),
        (boundMs, steps) => {
          const watermarks = new BoundedWatermarks(boundMs)
          let newest = -100
          watermarks.observe(undefined, newest)
          for (const { ahead, behind } of steps) {
            const timeMs = Math.ceil(newest + ahead - behind * (boundMs + ahead))
            expect(timeMs).toBeGreaterThan(watermarks.watermarkMs)
            watermarks.observe(undefined, timeMs)
            newest = Math.max(newest, timeMs)
            expect(watermarks.watermarkMs).toBe(newest - boundMs - 1)
          }
        },
      ),
      runs(1),
    )
  })
})

describe("TIM-4", () => {
  it("a timer fires once, at the first watermark >= its time, in time order; a cancelled one never", () => {
    const timer = fc.record({ key: fc.nat(3), timeMs: fc.nat(300) })
    const event = fc.oneof(
      { weight: 12, arbitrary: timer.map((of) => ({ kind: "register" as const, ...of })) },
      { weight: 4, arbitrary: timer.map((of) => ({ kind: "delete" as const, ...of })) },
      // Cancels many at once: entries leave from the middle of the heap.
      { weight: 1, arbitrary: timer.map((of) => ({ kind: "delete until" as const, ...of })) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("watermark" as const), timeMs: fc.nat(300) }) },
    )
    // The 4 is the last entry, and comes where the 11 was: below the 10.
    const register = (timeMs: number) => ({ kind: "register" as const, key: 0, timeMs })
    const belowLater = [
      ...[1, 10, 2, 11, 12, 3, 4].map(register),
      { kind: "delete" as const, key: 0, timeMs: 11 },
      ...[20, 21, 22].map(register),
      { kind: "watermark" as const, timeMs: 5 },
    ]
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300, size: "max" }), (events) => {
        const queue = new TimerQueue<number>((key) => key)
        let model: { key: number; timeMs: number }[] = []
        const fire = (watermarkMs: number) => {
          // A stable sort: registration order breaks ties.
          const due = model.filter(({ timeMs }) => timeMs <= watermarkMs).sort((a, b) => a.timeMs - b.timeMs)
          model = model.filter(({ timeMs }) => timeMs > watermarkMs)
          for (const { key, timeMs } of due) {
            expect(queue.nextDue(watermarkMs)).toMatchObject({ key, timeMs, keyHash: key * 7 })
          }
          expect(queue.nextDue(watermarkMs)).toBeUndefined()
        }
        const cancel = (key: number, timeMs: number) => {
          const known = model.findIndex((timer) => timer.key === key && timer.timeMs === timeMs)
          expect(queue.delete(key, key * 7, timeMs)).toBe(known !== -1)
          if (known !== -1) model.splice(known, 1)
        }
        for (const event of events) {
          if (event.kind === "watermark") fire(event.timeMs)
          else if (event.kind === "register") {
            const isNew = !model.some(({ key, timeMs }) => key === event.key && timeMs === event.timeMs)
            expect(queue.register(event.key, event.key * 7, event.timeMs)).toBe(isNew)
            if (isNew) model.push({ key: event.key, timeMs: event.timeMs })
          } else if (event.kind === "delete") cancel(event.key, event.timeMs)
          else for (const { key, timeMs } of model.filter((timer) => timer.timeMs <= event.timeMs)) cancel(key, timeMs)
          expect(queue.size).toBe(model.length)
        }
        fire(END)
        expect(queue.size).toBe(0)
      }),
      { ...runs(1), examples: [[belowLater]] },
    )
  })
})
