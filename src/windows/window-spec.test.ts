import { describe, expect, it } from "vitest"
import { count, from, globalWindow, pipeline, session, sliding, type Trigger, triggers, tumbling } from "../index.ts"
import { defineAggregate } from "../operators/index.ts"
import { HarnessContext, runOperator } from "../operators/testing.ts"
import { planJob } from "../plan/index.ts"
import { calendar } from "./calendar-windows.ts"
import { countWindow, slidingCount } from "./count-windows.ts"
import { createWindowOperator, type WindowAssigner } from "./create-window-operator.ts"
import { cumulative } from "./cumulative-windows.ts"
import { delta } from "./triggers/delta.ts"

const code = (name: string, message?: RegExp) =>
  expect.objectContaining({ code: name, ...(message && { message: expect.stringMatching(message) }) })

describe("windows that cannot be are refused", () => {
  it.each([
    [
      "a slide larger than the size",
      () => sliding("1m", "2m"),
      "WINDOW_SLIDE_INVALID",
      /"2m".*larger than their size "1m"/,
    ],
    ["a slide of zero", () => sliding("1m", 0), "WINDOW_SLIDE_INVALID", /at least 1 ms apart/],
    ["a size of zero", () => sliding(0, 1), "WINDOW_SIZE_INVALID", /at least 1 ms/],
    ["a slide that is no duration", () => sliding("1m", "x" as "1s"), "DURATION_INVALID", /slide of sliding windows/],
    ["a step that does not divide", () => cumulative("1h", "7m"), "WINDOW_SLIDE_INVALID", /multiple of the step/],
    ["a negative gap", () => session(-1), "WINDOW_GAP_INVALID", /-1/],
    ["a gap of zero", () => session("0s"), "WINDOW_GAP_INVALID", /longer than 0/],
    ["a gap that is NaN", () => session(Number.NaN), "WINDOW_GAP_INVALID", /NaN/],
    ["an unknown zone", () => calendar("day", { zone: "Mars/Olympus" }), "WINDOW_ZONE_UNKNOWN", /Mars\/Olympus/],
    ["an unknown unit", () => calendar("hour" as "day"), "WINDOW_UNIT_UNKNOWN", /tumbling\("1h"\)/],
    ["a week that begins on day 8", () => calendar("week", { weekStartsOn: 8 as 1 }), "WINDOW_UNIT_UNKNOWN", /8/],
    ["half a record", () => countWindow(0.5), "WINDOW_COUNT_INVALID", /0\.5/],
    ["a slide of more records than the size", () => slidingCount(2, 3), "WINDOW_SLIDE_INVALID", /2 records every 3/],
    ["a trigger at every 0th record", () => triggers.count(0), "WINDOW_COUNT_INVALID", /trigger/],
    ["a negative difference", () => delta(-1, () => 1), "TRIGGER_DELTA_INVALID", /-1/],
  ])("%s", (_name, make, name, message) => {
    expect(make).toThrowError(code(name, message))
  })

  const stream = () => from([{ key: "a", at: 1 }], { time: (r) => r.at }).keyBy((r) => r.key)
  it("lateness where nothing is late", () => {
    for (const windows of [globalWindow(), countWindow(2), tumbling("1s", { time: "processing" })])
      expect(() => stream().window(windows).allowedLateness("1s").aggregate({ n: count() })).toThrowError(
        code("WINDOW_OPTION_INVALID", /allow lateness/),
      )
  })

  it("a trigger on count windows, and retractions of what .process() emitted", () => {
    expect(() => stream().window(countWindow(2)).trigger(triggers.count(1)).aggregate({ n: count() })).toThrowError(
      code("WINDOW_OPTION_INVALID", /globalWindow/),
    )
    expect(() =>
      stream()
        .window(tumbling("1s"))
        .panes("retracting")
        .process(() => []),
    ).toThrowError(code("WINDOW_OPTION_INVALID", /aggregate/))
  })

  it("two phases of what cannot be added up before it is in one place", () => {
    const refused = (why: RegExp) => code("WINDOW_TWO_PHASE_UNSUPPORTED", why)
    const agg = { n: count() }
    for (const windows of [session("1s"), globalWindow(), countWindow(2), tumbling("1s", { time: "processing" })])
      expect(() => stream().window(windows).twoPhase().aggregate(agg)).toThrowError(refused(/begins or ends|the clock/))
    const hours = stream().window(tumbling("1h")).twoPhase()
    expect(() => hours.process(() => [])).toThrowError(refused(/every record/))
    expect(() => hours.trigger(triggers.eventTime() as never).aggregate(agg)).toThrowError(refused(/trigger/))
    expect(() => hours.panes("retracting").aggregate(agg)).toThrowError(refused(/retracting panes/))
  })

  it("state of one phase for two", () => {
    const make = (assigner: WindowAssigner, twoPhase: boolean) =>
      createWindowOperator({ assigner, twoPhase }, () => 1, {
        kind: "aggregate",
        aggregate: count(),
        result: (_key, _window, value) => value,
      })
    for (const assigner of [sliding(10, 5), tumbling(10)]) {
      const [one, two] = [make(assigner, false), make(assigner, true)]
      one.open!(new HarnessContext())
      two.open!(new HarnessContext())
      expect(() => two.restoreValue!([one.captureValue!()])).toThrowError(code("STATE_INCOMPATIBLE", /in two phases/))
    }
  })

  it("a trigger of sessions that cannot merge", () => {
    const trigger: Trigger<{ at: number }> = delta(1, (r: { at: number }) => r.at)
    expect(() => stream().window(session("1s")).trigger(trigger).aggregate({ n: count() })).toThrowError(
      code("WINDOW_TRIGGER_NO_MERGE", /delta\(1\)/),
    )
  })

  it("a gap function that answers NaN, when a record comes", async () => {
    await expect(
      stream()
        .window(session(() => Number.NaN))
        .aggregate({ n: count() })
        .toArray(),
    ).rejects.toThrowError(/gap of NaN/)
  })

  it("an aggregate whose accumulator is of a class and cannot be copied, once windows share it", () => {
    class Sketch {}
    const aggregate = defineAggregate({
      create: () => new Sketch(),
      add: (sketch: Sketch, _value: { at: number }) => sketch,
      merge: (left: Sketch) => left,
      result: () => 0,
    })
    const operator = createWindowOperator({ assigner: sliding(10, 5) }, () => "a", {
      kind: "aggregate",
      aggregate,
      result: (_key, _window, value) => value,
    })
    expect(() => runOperator(operator, [{ value: { at: 1 }, timeMs: 1, key: "a" }])).toThrowError(
      code("STATE_NOT_COPYABLE", /class Sketch/),
    )
  })

  it("state of other windows", () => {
    const make = (slide: number) =>
      createWindowOperator({ assigner: sliding(10, slide) }, (r: { at: number }) => r.at, {
        kind: "aggregate",
        aggregate: count(),
        result: (_key, _window, value) => value,
      })
    const [one, other] = [make(5), make(2)]
    one.open!(new HarnessContext())
    other.open!(new HarnessContext())
    expect(() => other.restoreValue!([one.captureValue!()])).toThrowError(code("STATE_INCOMPATIBLE", /every 5 ms/))
  })
})

it("the first of two phases stands in the chain of each sender, under the name of the windows", () => {
  const plan = (named: boolean) => {
    const job = pipeline("skewed", ({ source }) => {
      const [one, other] = [1, 2].map((at) => source([{ key: "a", at }], { time: (r) => r.at }).parallelism(at + 1))
      const keyed = (named ? one!.union(other!) : one!).keyBy((r) => r.key)
      const results = keyed.window(tumbling("1h")).twoPhase().aggregate({ n: count() }).parallelism(4)
      if (named) results.name("hours")
      else other!.print()
      results.print()
    })
    return planJob(job.build(), { workers: 1, parallelism: 1 })
  }
  expect(plan(false).vertices.map(({ name, parallelism }) => [name, parallelism])).toEqual([
    ["source-1 -> window-1.local", 2],
    ["source-2", 3],
    ["print-1", 1],
    ["window-1", 4],
    ["print-2", 1],
  ])
  const { vertices, edges } = plan(true)
  expect(vertices.map(({ name }) => name)).toEqual([
    "source-1 -> hours.local-1",
    "source-2 -> hours.local-2",
    "hours",
    "print-1",
  ])
  expect(edges.map(({ exchange }) => exchange)).toEqual(["hash", "hash", "rebalance"])
})

describe("the plan warns", () => {
  const warnings = (
    describe: (stream: ReturnType<ReturnType<typeof from<{ key: string; at: number }>>["keyBy"]>) => void,
  ) => {
    const job = pipeline("warned", ({ source }) => {
      describe(source([{ key: "a", at: 1 }], { time: (r) => r.at }).keyBy((r) => r.key) as never)
    })
    return planJob(job.build(), { workers: 1, parallelism: 1 }).warnings
  }

  it("of a global window that fires at the end of input only", () => {
    for (const trigger of [undefined, triggers.eventTime(), triggers.never()]) {
      const found = warnings((stream) => {
        const windows = stream.window(globalWindow())
        ;(trigger === undefined ? windows : windows.trigger(trigger as Trigger<{ key: string; at: number }>))
          .aggregate({ n: count() })
          .print()
      })
      expect(found).toEqual([expect.stringMatching(/"window-1": its global window .* fires at the end of input only/)])
    }
    const busy = warnings((stream) => {
      stream.window(globalWindow()).trigger(triggers.count(10)).aggregate({ n: count() }).print()
    })
    expect(busy).toEqual([])
  })

  it("once of a late output that nobody reads, and not where nothing can be late", () => {
    expect(
      warnings((stream) => {
        stream.window(tumbling("1s")).aggregate({ n: count() }).print()
      }),
    ).toEqual([expect.stringMatching(/Nothing reads output "late" of operator "window-1"/)])
    expect(
      warnings((stream) => {
        const results = stream.window(tumbling("1s")).aggregate({ n: count() })
        results.print()
        results.late.print()
        stream.window(countWindow(2)).aggregate({ n: count() }).print()
        stream
          .window(tumbling("1s", { time: "processing" }))
          .aggregate({ n: count() })
          .print()
      }),
    ).toEqual([])
  })
})
