import { describe, expect, it } from "vitest"
import { NO_TIME } from "../records/index.ts"
import type { StateCodec } from "../state/index.ts"
import {
  HARNESS_WORLDS,
  HarnessContext,
  type HarnessEvent,
  type HarnessInput,
  type HarnessOptions,
  runOperator,
} from "./operator-harness.ts"
import { ProcessOperator } from "./process-operator.ts"
import { type ProcessContext, type ProcessSpec, type StateDeclarations, valueState } from "./process-spec.ts"

interface Reading {
  device: string
  at: number
}

function readings(...events: readonly (readonly [string, number] | number)[]): HarnessInput<Reading>[] {
  return events.map((event) =>
    typeof event === "number"
      ? { watermarkMs: event }
      : { value: { device: event[0], at: event[1] }, timeMs: event[1], key: event[0] },
  )
}

function runKeyed<States extends StateDeclarations>(
  spec: ProcessSpec<Reading, string, string, States>,
  input: readonly HarnessEvent<Reading>[],
  options: HarnessOptions,
) {
  return runOperator(() => new ProcessOperator({ spec, keyOf: (r: Reading) => r.device }), input, options)
}

const texts = (outputs: readonly { readonly value: string; readonly timeMs: number }[]) =>
  outputs.map(({ value, timeMs }) => `${value} @${timeMs}`)

describe.each(HARNESS_WORLDS)("ProcessOperator with room for $roomFor, $mode", (world) => {
  it("keeps declared state per key, and emits at the record's time or the one given", () => {
    const { records, stores } = runKeyed(
      {
        state: { seen: valueState<number>() },
        onRecord(value, ctx) {
          const seen = (ctx.state.seen.get() ?? 0) + 1
          if (seen === 3) ctx.state.seen.clear()
          else ctx.state.seen.set(seen)
          ctx.emit(`${ctx.key} ${seen}`)
          if (seen === 3) ctx.emit(`${value.device} full`, 1_000)
        },
      },
      readings(["a", 1], ["b", 2], ["a", 3], ["a", 4], ["a", 5]),
      world,
    )
    expect(texts(records)).toEqual(["a 1 @1", "b 1 @2", "a 2 @3", "a 3 @4", "a full @1000", "a 1 @5"])
    expect(stores.get("seen")!.size).toBe(2)
  })

  it("fires timers in processing time when the clock reaches them, deleted ones never, and the rest at the end of input", () => {
    const clock = (processingTimeMs: number) => ({ processingTimeMs })
    const { records, operator } = runKeyed(
      {
        onRecord(value, ctx) {
          if (value.at < 10) ctx.processingTimers.register(ctx.processingTimeMs + value.at * 10)
          else ctx.processingTimers.delete(value.at)
          ctx.timers.register(value.at)
        },
        onTimer: (timeMs, ctx) => ctx.emit(`${ctx.key} event ${timeMs}`),
        onProcessingTimer: (timeMs, ctx) => ctx.emit(`${ctx.key} ${timeMs} at ${ctx.processingTimeMs}`),
        onEnd: (ctx) => ctx.emit("end"),
      },
      [
        clock(1_000),
        ...readings(["a", 5], ["b", 3], ["a", 3], ["a", 9], ["a", 9], ["c", 4]),
        clock(1_029),
        clock(1_030),
        ...readings(["c", 1_040]),
        clock(1_060),
        ...readings(["c", 1], ["c", 2]),
      ],
      world,
    )
    expect(texts(records)).toEqual([
      ...["b 1030 at 1030 @9", "a 1030 at 1030 @9", "a 1050 at 1060 @1040"],
      ...[
        "c event 1 @1",
        "c event 2 @2",
        "b event 3 @3",
        "a event 3 @3",
        "c event 4 @4",
        "a event 5 @5",
        "a event 9 @9",
      ],
      ...["c event 1040 @1040", "c 1070 at 1060 @1040", "c 1080 at 1060 @1040", "a 1090 at 1060 @1040", "end @1040"],
    ])
    expect(operator.timers).toBe(0)
  })

  it("fires timers in time order when the watermark reaches them, with their key and time, before it is handed on", () => {
    const { main, operator } = runKeyed(
      {
        state: { last: valueState<number>() },
        onRecord(value, ctx) {
          ctx.state.last.set(value.at)
          ctx.timers.register(value.at + 10)
        },
        onTimer(timeMs, ctx) {
          ctx.emit(`${ctx.key} ${timeMs} last ${ctx.state.last.get()} wm ${ctx.watermarkMs}`)
        },
      },
      readings(["b", 5], ["a", 1], ["a", 5], 10, 15, ["c", 90], 95),
      world,
    )
    expect(main.map((o) => ("value" in o ? `${o.value} @${o.timeMs}` : o.watermarkMs))).toEqual([
      10,
      "a 11 last 5 wm 15 @11",
      "b 15 last 5 wm 15 @15",
      "a 15 last 5 wm 15 @15",
      15,
      95,
      "c 100 last 90 wm Infinity @100",
      Number.POSITIVE_INFINITY,
    ])
    expect(operator.timers).toBe(0)
  })

  it("fires a timer once however often it was registered, and a deleted one never", () => {
    const { records } = runKeyed(
      {
        onRecord(value, ctx) {
          ctx.timers.register(100)
          ctx.timers.register(200)
          if (value.at === 2) ctx.timers.delete(100)
        },
        onTimer: (timeMs, ctx) => ctx.emit(`${ctx.key} ${timeMs}`),
      },
      readings(["a", 1], ["a", 1], ["b", 1], ["b", 2], 150),
      world,
    )
    expect(texts(records)).toEqual(["a 100 @100", "a 200 @200", "b 200 @200"])
  })

  it("fires timers that timers set, also at the end of input, and one in the past at the next watermark", () => {
    const { records } = runKeyed(
      {
        onRecord(value, ctx) {
          ctx.timers.register(value.at - 100)
        },
        onTimer(timeMs, ctx) {
          ctx.emit(`${timeMs}`)
          if (timeMs < 30) ctx.timers.register(timeMs + 10)
        },
      },
      readings(50, ["a", 110], 60),
      world,
    )
    expect(texts(records)).toEqual(["10 @10", "20 @20", "30 @30"])
  })

  it("runs onEnd once, after the last timer and before the end of event time, at the newest time seen", () => {
    const { main } = runKeyed(
      {
        onRecord: (_value, ctx) => ctx.timers.register(Number.POSITIVE_INFINITY),
        onTimer: (_timeMs, ctx) => ctx.emit(`last of ${ctx.key}`, 7),
        onEnd(ctx) {
          ctx.emit("end")
          ctx.emitTo("log", "ended")
        },
      },
      readings(["a", 40], ["b", 30]),
      world,
    )
    expect(main).toEqual([
      { value: "last of a", timeMs: 7 },
      { value: "last of b", timeMs: 7 },
      { value: "end", timeMs: 40 },
      { watermarkMs: Number.POSITIVE_INFINITY },
    ])
  })

  it("emits to side outputs, and sees the clock it is given", () => {
    const { sides, records } = runKeyed(
      {
        onRecord(value, ctx) {
          ctx.emitTo("odd", value.at)
          ctx.emitTo("odd", ctx.now(), 9)
        },
      },
      readings(["a", 3]),
      { ...world, nowMs: 77 },
    )
    expect(records).toEqual([])
    expect(sides.get("odd")).toEqual([
      { value: 3, timeMs: 3 },
      { value: 77, timeMs: 9 },
    ])
  })
})

describe("ProcessOperator", () => {
  it.each([Number.POSITIVE_INFINITY, 1, 2])("fires many timers without passing its bound of %d", (roomFor) => {
    const { records, mostInOutput } = runKeyed(
      { onRecord: (value, ctx) => ctx.timers.register(value.at), onTimer: (timeMs, ctx) => ctx.emit(`${timeMs}`) },
      [...readings(...Array.from({ length: 3_000 }, (_, i) => ["a", i] as const)), { watermarkMs: 10_000 }],
      { roomFor },
    )
    expect(records.map(({ value }) => value)).toEqual(Array.from({ length: 3_000 }, (_, i) => `${i}`))
    if (roomFor < 3_000) expect(mostInOutput).toBe(roomFor)
  })

  const nowhere = { full: false, emit: () => undefined }

  it("gives the step back when a timer always sets the next one", () => {
    const operator = new ProcessOperator<Reading, string, string>({
      keyOf: (r) => r.device,
      spec: {
        onRecord: (_value, ctx) => ctx.timers.register(0),
        onTimer: (timeMs, ctx) => ctx.timers.register(timeMs + 1),
      },
    })
    operator.open(new HarnessContext())
    operator.onRecord({ device: "a", at: 0 }, 0, nowhere)
    operator.onWatermark(Number.POSITIVE_INFINITY, nowhere)
    expect(operator.firing).toBe(true)
    operator.resume(nowhere)
    expect(operator.firing).toBe(true)
    expect(operator.timers).toBe(1)
  })

  it("opens with where it runs", () => {
    let opened: unknown
    const spec: ProcessSpec<number, number> = { open: (info) => (opened = info), onRecord: () => undefined }
    new ProcessOperator({ spec }).open(new HarnessContext())
    expect(opened).toEqual({ operatorId: "tested", subtask: 0, parallelism: 1 })
  })

  const unkeyed = (use: (ctx: ProcessContext<unknown>) => unknown) => {
    const operator = new ProcessOperator<number, unknown>({ spec: { onRecord: (_value, ctx) => void use(ctx) } })
    operator.open(new HarnessContext())
    return () => operator.onRecord(1, NO_TIME, nowhere)
  }

  it.each([
    ["the key", (ctx: ProcessContext<unknown>) => ctx.key],
    ["a timer", (ctx: ProcessContext<unknown>) => ctx.timers.register(1)],
    ["a timer", (ctx: ProcessContext<unknown>) => ctx.timers.delete(1)],
  ])("refuses %s on a stream that is not keyed, with the remedy", (what, use) => {
    expect(unkeyed(use)).toThrowError(
      expect.objectContaining({ code: "NOT_KEYED", message: expect.stringMatching(`${what}: .*call keyBy before`) }),
    )
  })

  it("refuses declared state on a stream that is not keyed before any record", () => {
    const spec = { state: { seen: valueState<number>() }, onRecord: () => undefined }
    expect(() => new ProcessOperator({ spec })).toThrowError(
      expect.objectContaining({ code: "NOT_KEYED", message: expect.stringMatching(/the state seen/) }),
    )
  })

  it("keeps values of a class with a codec, and refuses them without one in the first capture", () => {
    class Seen {
      readonly times: number[] = []
    }
    const spec = (
      codec?: StateCodec<Seen>,
    ): ProcessSpec<Reading, string, string, { seen: ReturnType<typeof valueState<Seen>> }> => ({
      state: { seen: valueState<Seen>(codec) },
      onRecord(value, ctx) {
        const seen = ctx.state.seen.get() ?? new Seen()
        seen.times.push(value.at)
        ctx.state.seen.set(seen)
        ctx.emit(`${seen instanceof Seen} ${seen.times.join()}`)
      },
    })
    const codec = {
      encode: (seen: Seen) => seen.times,
      decode: (plain: unknown) => Object.assign(new Seen(), { times: plain as number[] }),
    }
    const { records } = runKeyed(spec(codec), readings(["a", 1], ["a", 2]), { mode: "restored" })
    expect(texts(records)).toEqual(["true 1 @1", "true 1,2 @2"])
    expect(() => runKeyed(spec(), readings(["a", 1]), { mode: "restored" })).toThrowError(
      expect.objectContaining({
        code: "STATE_NOT_SERIALIZABLE",
        message: expect.stringMatching(/the state "seen" of key "a".*the class Seen/),
      }),
    )
  })

  it("merges what subtasks remembered: the earliest watermark, the newest time, ended if all had", () => {
    const ends: string[] = []
    const make = () => {
      const operator = new ProcessOperator<Reading, string, string>({
        keyOf: (r) => r.device,
        spec: {
          onRecord: () => undefined,
          onEnd: (ctx) => ends.push(`${ctx.timeMs} of ${ctx.watermarkMs}`) && undefined,
        },
      })
      operator.open(new HarnessContext())
      return operator
    }
    const progress = (watermarkMs: number, newestMs: number, ended: boolean) => ({
      watermarkMs,
      newestMs,
      ended,
      sweeping: false,
    })
    const merged = make()
    merged.restoreValue([progress(20, 30, true), progress(10, 40, false)])
    expect(merged.captureValue()).toEqual(progress(10, 40, false))
    merged.finish(nowhere)
    const ended = make()
    ended.restoreValue([progress(20, 30, true), progress(10, 40, true)])
    ended.finish(nowhere)
    expect(ends).toEqual(["40 of 10"])
  })

  it("refuses a state whose name begins with $ with STATE_NAME_RESERVED", () => {
    const spec = { state: { $timers: valueState<number>() }, onRecord: () => undefined }
    expect(() => new ProcessOperator({ spec, keyOf: () => 1 })).toThrowError(
      expect.objectContaining({ code: "STATE_NAME_RESERVED", message: expect.stringMatching(/call it "timers"/) }),
    )
  })

  it("refuses key, state and timers in onEnd, where there is no key", () => {
    for (const use of [
      (ctx: ProcessContext<string, string, { s: ReturnType<typeof valueState<number>> }>) => ctx.key,
      (ctx: ProcessContext<string, string, { s: ReturnType<typeof valueState<number>> }>) => ctx.state.s.get(),
      (ctx: ProcessContext<string, string, { s: ReturnType<typeof valueState<number>> }>) => ctx.timers.register(1),
    ]) {
      const spec = {
        state: { s: valueState<number>() },
        onRecord: () => undefined,
        onEnd: (ctx: never) => void use(ctx),
      }
      expect(() => runKeyed(spec, readings(["a", 1]), {})).toThrowError(
        expect.objectContaining({ code: "NO_CURRENT_KEY" }),
      )
    }
  })

  it.each([Number.NaN, NO_TIME])("refuses a timer at %d", (timeMs) => {
    expect(() =>
      runKeyed({ onRecord: (_value, ctx) => ctx.timers.register(timeMs) }, readings(["a", 1]), {}),
    ).toThrowError(expect.objectContaining({ code: "TIMER_TIME_INVALID" }))
  })
})
