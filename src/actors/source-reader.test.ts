import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { resolveEventTime, type SourceOptions } from "../api/source-options.ts"
import type { Source, SourceBatch } from "../contracts/index.ts"
import { createMetricsBuffer, SubtaskMetrics } from "../observe/index.ts"
import type { Chain } from "./chain.ts"
import { SourceReader } from "./source-reader.ts"
import { type SplitAssignment, type SplitProgress, unread } from "./split-coordinator.ts"

const START = Number.NEGATIVE_INFINITY

const assignment = (...splits: SplitProgress[]): SplitAssignment => ({
  splits,
  last: true,
  sharers: splits.length,
  holdWatermark: false,
})

/** A source whose batches are given one by one: `undefined` from `next` is "nothing yet". */
class ManualSource implements Source<unknown> {
  readonly label = "manual"
  readonly bounded = false
  readonly splitsInOrder = true
  readonly #queue: SourceBatch<unknown>[] = []
  #arrive: ((step: IteratorResult<SourceBatch<unknown>>) => void) | undefined
  #given = 0

  give(...values: unknown[]): void {
    this.#given += values.length
    const batch = { values, next: this.#given }
    if (this.#arrive === undefined) this.#queue.push(batch)
    else this.#arrive({ done: false, value: batch })
    this.#arrive = undefined
  }

  splits() {
    return [{ id: "s", data: null }]
  }

  read(): AsyncIterable<SourceBatch<unknown>> {
    return {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise((resolve) => {
            const batch = this.#queue.shift()
            if (batch !== undefined) resolve({ done: false, value: batch })
            else this.#arrive = resolve
          }),
      }),
    }
  }
}

function setUp(options: SourceOptions<never>, { subtask = 0 } = {}) {
  const source = new ManualSource()
  const metrics = new SubtaskMetrics(createMetricsBuffer(1), 0)
  const clock = { now: 0, wall: 1_000_000 }
  const emitted: { value: unknown; timeMs: number }[] = []
  const chain = { blocked: false, emit: (value: unknown, timeMs: number) => void emitted.push({ value, timeMs }) }
  const alarms: number[] = []
  const make = () =>
    new SourceReader({
      source,
      operatorId: "manual-1",
      subtask,
      parallelism: 1,
      eventTime: resolveEventTime(options as SourceOptions<unknown>, { time: "event", bounded: false }),
      alignment: undefined,
      claim: undefined,
      metrics,
      wallNow: () => clock.wall,
      requestSplit: () => undefined,
      now: () => clock.now,
      goesOn: false,
      sleep: (ms) => {
        alarms.push(ms)
        return new Promise(() => undefined)
      },
      wake: () => undefined,
    })
  const reader = make()
  reader.assign(assignment(unread({ id: "s", data: null })))
  /** Lets what was given arrive, then steps. */
  const step = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return reader.step(chain as unknown as Chain, 1024)
  }
  return { source, metrics, clock, emitted, chain, alarms, reader, make, step }
}

const time = (value: unknown) => value as number

describe("SourceReader: TIM-2, TIM-3 idleness", () => {
  test("is idle after 30 s without a record by default, and back with its first record", async () => {
    const { source, clock, reader, metrics, step } = setUp({ time })
    source.give(100)
    await step()
    expect(reader.watermarkMs).toBe(99)
    clock.now = 29_999
    expect((await step()).moved).toBe(false)
    expect(reader.idle).toBe(false)
    clock.now = 30_000
    expect((await step()).moved).toBe(true)
    expect(reader.idle).toBe(true)
    expect(metrics.get("idleInput")).toBe(1)
    source.give(50)
    await step()
    expect(reader.idle).toBe(false)
    expect(metrics.get("idleInput")).toBe(0)
    // TIM-1: what comes late does not pull the watermark back.
    expect(reader.watermarkMs).toBe(99)
  })

  test("time spent held back by what is downstream is not idleness (FLINK-35886)", async () => {
    const { clock, reader, step } = setUp({ time, idleAfter: "10s" })
    await step()
    clock.now = 60_000
    reader.noteHeld()
    clock.now = 69_999
    await step()
    expect(reader.idle).toBe(false)
    clock.now = 70_000
    await step()
    expect(reader.idle).toBe(true)
  })

  test("is never idle while it holds its watermark for splits that nobody has opened", async () => {
    const { clock, reader, step } = setUp({ time, idleAfter: "10s" })
    reader.assign({ ...assignment(unread({ id: "s", data: null })), holdWatermark: true })
    clock.now = 60_000
    await step()
    expect(reader.idle).toBe(false)
    reader.releaseWatermark()
    clock.now = 70_000
    await step()
    expect(reader.idle).toBe(true)
  })

  test("asks to be woken for an idleness that the worker's tick would notice too late", async () => {
    const { clock, alarms, step } = setUp({ time, idleAfter: 500 })
    clock.now = 100
    await step()
    expect(alarms).toEqual([401])
    await step()
    expect(alarms).toHaveLength(1)
  })

  test('is never idle with idleAfter "never"', async () => {
    const { clock, reader, step } = setUp({ time, idleAfter: "never" })
    clock.now = 1e9
    await step()
    expect(reader.idle).toBe(false)
  })
})

describe("SourceReader: watermarks", () => {
  test("a record's time may be a number, a Date or an ISO 8601 text", async () => {
    const { source, emitted, step } = setUp({ time: (value) => value as never })
    source.give(1.5, new Date(2), "1970-01-01T00:00:00.003Z")
    await step()
    expect(emitted.map(({ timeMs }) => timeMs)).toEqual([1, 2, 3])
  })

  test("hands on at most one watermark in the given interval, and asks to be woken for the next", async () => {
    const { source, clock, reader, alarms, step } = setUp({ time, watermarkEvery: "1s", idleAfter: "never" })
    source.give(100)
    await step()
    expect(reader.watermarkMs).toBe(99)
    clock.now = 400
    source.give(200)
    await step()
    expect(reader.watermarkMs).toBe(99)
    expect(alarms).toEqual([601])
    clock.now = 1000
    await step()
    expect(reader.watermarkMs).toBe(199)
  })

  test("records announce it (punctuated)", async () => {
    const { source, reader, step } = setUp({
      time: (value: { t: number }) => value.t,
      watermarks: { punctuated: (value: { end?: boolean }, timeMs: number) => (value.end ? timeMs : undefined) },
    } as SourceOptions<never>)
    source.give({ t: 5 }, { t: 7 })
    await step()
    expect(reader.watermarkMs).toBe(START)
    source.give({ t: 6, end: true })
    await step()
    expect(reader.watermarkMs).toBe(6)
  })

  test("a generator is asked every 200 ms, and its state is part of the snapshot", async () => {
    let restored: unknown
    const { source, clock, reader, make, step } = setUp({
      time,
      watermarks: () => {
        let records = 0
        return {
          onRecord: () => {
            records += 1
            return undefined
          },
          onTick: (nowMs) => nowMs - records,
          capture: () => records,
          restore: (state) => {
            restored = state
          },
        }
      },
    })
    source.give(10, 20)
    await step()
    expect(reader.watermarkMs).toBe(999_998)
    clock.wall += 100
    clock.now = 199
    await step()
    expect(reader.watermarkMs).toBe(999_998)
    clock.now = 200
    await step()
    expect(reader.watermarkMs).toBe(1_000_098)
    const { progress } = reader.passBarrier()
    expect(progress).toMatchObject([{ newestMs: 20, generator: { watermarkMs: 1_000_098, state: 2 } }])
    make().assign(assignment(...progress))
    expect(restored).toBe(2)
  })

  test("ingestion time is the clock's, never goes back, and its watermark goes on without records", async () => {
    const { source, clock, emitted, reader, step } = setUp({ time: "ingestion" })
    source.give("a")
    await step()
    clock.wall -= 5000
    source.give("b")
    await step()
    expect(emitted.map(({ timeMs }) => timeMs)).toEqual([1_000_000, 1_000_000])
    expect(reader.watermarkMs).toBe(999_999)
    clock.wall = 2_000_000
    clock.now = 100_000
    await step()
    expect(reader.watermarkMs).toBe(1_999_999)
    expect(reader.idle).toBe(false)
  })
})

describe("SourceReader: records without a valid time", () => {
  test.each([
    [undefined, "EVENT_TIME_MISSING"],
    [Number.NaN, "EVENT_TIME_INVALID"],
  ])("%s fails the job with %s, and says where", async (bad, code) => {
    const { source, step } = setUp({ time })
    source.give(1, bad)
    await expect(step()).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(/split "s", record 2 .*badTimes/) }),
    )
  })

  test("are skipped and counted", async () => {
    const { source, metrics, emitted, step } = setUp({ time, badTimes: "skip" })
    source.give(1, Number.NaN, 3)
    await step()
    expect(emitted.map(({ value }) => value)).toEqual([1, 3])
    expect(metrics.get("skipped")).toBe(1)
  })

  test("are written to a dead-letter file", async () => {
    const dir = mkdtempSync(join(tmpdir(), "millrace-bad-times-"))
    const { source, metrics, reader, step } = setUp({ time, badTimes: { deadLetter: join(dir, "bad.ndjson") } })
    source.give(1, "soon")
    await step()
    reader.close()
    expect(metrics.get("skipped")).toBe(1)
    const file = join(dir, "bad-0.ndjson")
    expect(existsSync(file)).toBe(true)
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      raw: expect.stringContaining("soon"),
      reason: expect.stringContaining("ISO 8601"),
      position: expect.stringContaining('split "s"'),
      source: "manual",
    })
    rmSync(dir, { recursive: true })
  })
})
