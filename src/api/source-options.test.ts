import { describe, expect, test } from "vitest"
import { count } from "../operators/index.ts"
import { calendar, cumulative, session, sliding, tumbling } from "../windows/index.ts"
import { pipeline } from "./index.ts"
import { resolveEventTime, type SourceOptions } from "./source-options.ts"

const time = (value: unknown) => value as number
const resolve = (options: SourceOptions<unknown>, more: Partial<Parameters<typeof resolveEventTime>[1]> = {}) =>
  resolveEventTime(options, { time: "event", bounded: false, ...more })

describe("resolveEventTime()", () => {
  test("a source without a time has none, unless the pipeline goes by ingestion time", () => {
    expect(resolve({})).toBeUndefined()
    expect(resolve({}, { time: "processing" })).toBeUndefined()
    expect(resolve({}, { time: "ingestion" })).toMatchObject({ timeOf: undefined, tickEveryMs: 200 })
    expect(resolve({ time }, { time: "ingestion" })).toMatchObject({ timeOf: time })
  })

  test("sources that may never end are idle after 30 s, bounded ones and the clock never", () => {
    expect(resolve({ time })!.idleAfterMs).toBe(30_000)
    expect(resolve({ time }, { bounded: true })!.idleAfterMs).toBe(Number.POSITIVE_INFINITY)
    expect(resolve({ time, idleAfter: "5s" }, { bounded: true })!.idleAfterMs).toBe(5000)
    expect(resolve({ time: "ingestion" })!.idleAfterMs).toBe(Number.POSITIVE_INFINITY)
  })

  test("ascending is a disorder of 0; a group without a name is the default one", () => {
    expect(resolve({ time, watermarks: "ascending" })!.watermarks).toEqual({ kind: "bounded", boundMs: 0 })
    expect(resolve({ time, outOfOrder: "1h" })!.watermarks).toEqual({ kind: "bounded", boundMs: 3_600_000 })
    expect(resolve({ time, alignment: { maxDrift: "5m" } })!.alignment).toEqual({
      group: "default",
      maxDriftMs: 300_000,
    })
  })

  test.each([
    ["outOfOrder", { outOfOrder: "1s" }],
    ["watermarks", { watermarks: "ascending" }],
    ["alignment", { alignment: { maxDrift: 1 } }],
    ["idleAfter", { idleAfter: "1s" }],
  ] as [string, SourceOptions<unknown>][])("refuses %s without a time with SOURCE_TIME_MISSING", (name, options) => {
    expect(() => resolve(options)).toThrow(
      expect.objectContaining({ code: "SOURCE_TIME_MISSING", message: expect.stringContaining(name) }),
    )
  })

  test.each([
    [{ time: "arrival" }, "time of a source"],
    [{ time, outOfOrder: 5, watermarks: "ascending" }, "outOfOrder"],
    [{ time, watermarks: "sometimes" }, "watermarks"],
    [{ time, badTimes: "ignore" }, "badTimes"],
    [{ time, alignment: { maxDrift: 1, group: "" } }, "alignment.group"],
    [{ time: "ingestion", outOfOrder: 5 }, "outOfOrder"],
    [{ time: "ingestion", idleAfter: 5 }, "idleAfter"],
  ] as [SourceOptions<unknown>, string][])("refuses %o with OPTION_INVALID", (options, name) => {
    expect(() => resolve(options)).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(name) }),
    )
  })
})

describe("the time of a pipeline", () => {
  const eventTimeOf = (time: "event" | "ingestion" | "processing", options?: SourceOptions<number>) => {
    const { role } = pipeline("job", ({ source }) => source([1], options).collect(), { time }).build().nodes[0]!
    return role.type === "source" ? role.eventTime : undefined
  }

  test("ingestion stamps what has no time of its own", () => {
    expect(eventTimeOf("ingestion")).toMatchObject({ timeOf: undefined })
    expect(eventTimeOf("ingestion", { time })).toMatchObject({ timeOf: time })
    expect(eventTimeOf("event", { time: "ingestion" })).toMatchObject({ timeOf: undefined })
    expect(eventTimeOf("processing")).toBeUndefined()
  })

  test.each([tumbling("1h"), sliding("1h", "10m"), cumulative("1d", "1h"), session("20m"), calendar("day")])(
    "processing: windows of records without a time go by the clock ($description)",
    (windows) => {
      const needs = (assigner: typeof windows, time: "event" | "processing") =>
        pipeline(
          "job",
          ({ source }) =>
            source([1])
              .keyBy((n) => n)
              .window(assigner)
              .aggregate({ n: count() })
              .collect(),
          { time },
        )
          .build()
          .nodes.find(({ kind }) => kind === "window")!.needsEventTime
      expect(windows.inTime("processing").description).toBe(`${windows.description} of processing time`)
      expect(needs(windows, "processing")).toBe(false)
      expect(needs(windows, "event")).toBe(true)
      expect(needs(windows.inTime("event"), "processing")).toBe(true)
    },
  )

  test("refuses any other with OPTION_INVALID", () => {
    expect(() => eventTimeOf("arrival" as "event")).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }))
  })

  test("what is iterated asynchronously may never end: its readers can be idle", () => {
    const idleAfterMs = (items: Iterable<number> | AsyncIterable<number>) => {
      const { role } = pipeline("job", ({ source }) => source(items, { time }).collect()).build().nodes[0]!
      return role.type === "source" ? role.eventTime?.idleAfterMs : undefined
    }
    expect(idleAfterMs([1])).toBe(Number.POSITIVE_INFINITY)
    async function* live(): AsyncGenerator<number> {
      yield 1
    }
    expect(idleAfterMs(live())).toBe(30_000)
    expect(idleAfterMs(live as never)).toBe(30_000)
  })
})
