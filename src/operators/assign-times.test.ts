import { describe, expect, it } from "vitest"
import type { OperatorContext, Output } from "../contracts/index.ts"
import type { WatermarkSpec } from "../time/index.ts"
import { AssignTimesOperator } from "./assign-times.ts"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"

const BOUNDED: WatermarkSpec = { kind: "bounded", boundMs: 10 }
const make =
  (more: { idleAfterMs?: number; badTimes?: "fail" | "skip"; watermarks?: WatermarkSpec; tickEveryMs?: number } = {}) =>
  () =>
    new AssignTimesOperator<{ at?: unknown }>({
      timeOf: (value) => value.at as number,
      watermarks: BOUNDED,
      tickEveryMs: 0,
      idleAfterMs: Number.POSITIVE_INFINITY,
      badTimes: "fail",
      ...more,
    })

it.each(HARNESS_WORLDS)("AssignTimesOperator gives records their new time (room for $roomFor, $mode)", (world) => {
  const { records, operator } = runOperator(
    make(),
    [100, 50, 120].map((at) => ({ value: { at }, timeMs: 1 })),
    world,
  )
  expect(records.map(({ timeMs }) => timeMs)).toEqual([100, 50, 120])
  expect(operator.eventTime.watermarkMs).toBe(109)
})

describe("AssignTimesOperator", () => {
  const out: Output<unknown> = { emit: () => undefined, full: false }

  function open(more: Parameters<typeof make>[0]) {
    const clock = { now: 0, alarm: Number.POSITIVE_INFINITY }
    const operator = make(more)()
    operator.open({
      processingTimeMs: () => clock.now,
      setAlarm: (ms: number) => {
        clock.alarm = ms
      },
    } as OperatorContext)
    const to = (nowMs: number) => {
      while (clock.alarm <= nowMs) {
        clock.now = clock.alarm
        operator.onAlarm(clock.now)
      }
      clock.now = nowMs
    }
    return { operator, to }
  }

  it("fails on, or skips and counts, a record without a valid time", () => {
    const input = [{}, { at: "soon" }, { at: 5 }].map((value) => ({ value, timeMs: 1 }))
    expect(() => runOperator(make(), input)).toThrow(expect.objectContaining({ code: "EVENT_TIME_MISSING" }))
    expect(() => runOperator(make(), input.slice(1))).toThrow(expect.objectContaining({ code: "EVENT_TIME_INVALID" }))
    const { records, counts } = runOperator(make({ badTimes: "skip" }), input)
    expect(records).toHaveLength(1)
    expect(counts.skipped).toBe(2)
  })

  it("is idle without records, and back with the next; time held back does not count", () => {
    const { operator, to } = open({ idleAfterMs: 100 })
    operator.onRecord({ at: 1 }, 0, out)
    to(99)
    expect(operator.eventTime.idle).toBe(false)
    to(150)
    expect(operator.eventTime.idle).toBe(true)
    operator.onRecord({ at: 1 }, 0, out)
    expect(operator.eventTime.idle).toBe(false)
    to(200)
    operator.eventTime.noteHeld()
    to(300)
    expect(operator.eventTime.idle).toBe(false)
  })

  it("asks a generator when time passes; subtasks merge to the earliest", () => {
    const watermarks: WatermarkSpec = { kind: "generator", create: () => ({ onTick: (nowMs) => nowMs - 1 }) }
    const { operator, to } = open({ watermarks, tickEveryMs: 200 })
    to(450)
    expect(operator.eventTime.watermarkMs).toBe(399)
    operator.restoreValue([
      { newestMs: 5, generator: { watermarkMs: 7 } },
      { newestMs: 3, generator: { watermarkMs: 9 } },
    ])
    expect(operator.eventTime).toMatchObject({ newestMs: 3, watermarkMs: 7 })
  })
})
