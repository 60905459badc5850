import { describe, expectTypeOf, test } from "vitest"
import { count, defineAggregate, from, max, mean, pipeline, sum, type TimeWindow, tumbling } from "../index.ts"

interface Flight {
  readonly origin: string
  readonly date: number
  readonly delay: number
}
const flights: Flight[] = []

describe("types flow from source to sink with no annotation", () => {
  const stream = from(flights, { time: (flight) => flight.date })

  test("through map, filter and flatMap", () => {
    const out = stream
      .map((f) => ({ from: f.origin, delay: f.delay }))
      .filter((f) => f.delay > 0)
      .flatMap((f) => [f.from, f.delay])
    expectTypeOf(out.toArray()).resolves.toEqualTypeOf<(string | number)[]>()
  })

  test("a type guard narrows the stream", () => {
    const mixed = from<string | number>([1, "a"])
    expectTypeOf(mixed.filter((v): v is string => typeof v === "string").toArray()).resolves.toEqualTypeOf<string[]>()
  })

  test("into windows and aggregates, and out again", () => {
    const own = defineAggregate({
      create: () => ({ worst: 0 }),
      add: (acc: { worst: number }, f: Flight) => ({ worst: Math.max(acc.worst, f.delay) }),
      merge: (a, b) => ({ worst: Math.max(a.worst, b.worst) }),
      result: (acc) => `${acc.worst} min`,
    })
    const hourly = stream
      .keyBy((f) => f.origin)
      .window(tumbling("1h"))
      .aggregate({
        flights: count(),
        total: sum((f) => f.delay),
        mean: mean((f) => f.delay),
        max: max((f) => f.delay),
        own,
      })
    type Row = Awaited<ReturnType<typeof hourly.toArray>>[number]
    expectTypeOf<Row["key"]>().toEqualTypeOf<string>()
    expectTypeOf<Row["window"]>().toEqualTypeOf<TimeWindow>()
    expectTypeOf<Row["flights"]>().toEqualTypeOf<number>()
    expectTypeOf<Row["own"]>().toEqualTypeOf<string>()
    expectTypeOf(hourly.late.toArray()).resolves.toEqualTypeOf<Flight[]>()
  })

  test("a composite key keeps its type", () => {
    const counted = stream.keyBy((f) => [f.origin, f.delay] as const).aggregate({ flights: count() })
    type Row = Awaited<ReturnType<typeof counted.toArray>>[number]
    expectTypeOf<Row["key"]>().toEqualTypeOf<readonly [string, number]>()
  })

  test("split answers a stream for each name and the rest", () => {
    const { late, rest } = stream.split({ late: (f) => f.delay > 15 })
    expectTypeOf(late.toArray()).resolves.toEqualTypeOf<Flight[]>()
    expectTypeOf(rest.toArray()).resolves.toEqualTypeOf<Flight[]>()
  })

  test("union of two types is a stream of either", () => {
    expectTypeOf(stream.union(from([1])).toArray()).resolves.toEqualTypeOf<(Flight | number)[]>()
  })

  test("params take the types of their defaults", () => {
    pipeline(
      "typed",
      ({ source, params }) => {
        expectTypeOf(params.limit).toEqualTypeOf<number>()
        expectTypeOf(params.path).toEqualTypeOf<string>()
        source(flights).print()
      },
      { params: { limit: 10, path: "a" } },
    )
  })
})

describe("how a source makes watermarks", () => {
  test("each way knows the record", () => {
    from(flights, { time: "ingestion" })
    from(flights, { time: (flight) => new Date(flight.date).toISOString(), watermarks: "ascending" })
    from(flights, {
      time: (flight) => flight.date,
      watermarks: { punctuated: (flight, timeMs) => (flight.delay === 0 ? timeMs : undefined) },
    })
    from(flights, {
      time: (flight) => flight.date,
      watermarks: () => ({ onRecord: (flight) => flight.date - flight.delay, onTick: (nowMs) => nowMs }),
      alignment: { maxDrift: "5m" },
      idleAfter: "never",
    })
    expectTypeOf(
      from(flights)
        .assignTimes((flight) => flight.date)
        .toArray(),
    ).resolves.toEqualTypeOf<Flight[]>()
    // @ts-expect-error there is no such field
    from(flights, { time: (flight) => flight.date, watermarks: { punctuated: (flight) => flight.end } })
    // @ts-expect-error there is no such strategy
    from(flights, { time: (flight) => flight.date, watermarks: "descending" })
    // @ts-expect-error an alignment names its drift
    from(flights, { time: (flight) => flight.date, alignment: {} })
    // @ts-expect-error a flag is no time
    from(flights).assignTimes((flight) => flight.delay > 0)
  })
})

describe("a mistake is a compile error", () => {
  const stream = from(flights, { time: (flight) => flight.date })

  test("a wrong field in a function, a key and an aggregate", () => {
    // @ts-expect-error there is no such field
    stream.map((f) => f.orgin)
    // @ts-expect-error there is no such field
    stream.keyBy((f) => f.orgin)
    // @ts-expect-error there is no such field
    stream.keyBy((f) => f.origin).aggregate({ total: sum((f) => f.dealy) })
    // @ts-expect-error there is no such field
    from(flights, { time: (flight) => flight.when })
  })

  test("a key that is no key, and keyed operations without one", () => {
    // @ts-expect-error an object is no key
    stream.keyBy((f) => f)
    // @ts-expect-error a stream without keys has no windows
    stream.window(tumbling("1h"))
    // @ts-expect-error a stream without keys has no running aggregates
    stream.aggregate({ flights: count() })
  })

  test("an unknown unit of time, an unknown result, an unknown param", () => {
    // @ts-expect-error hours are "h"
    tumbling("1 hour")
    const counted = stream.keyBy((f) => f.origin).aggregate({ flights: count() })
    // @ts-expect-error the aggregate is called flights
    counted.map((row) => row.count)
    // @ts-expect-error there is no such param
    pipeline("typed", ({ params }) => params.limits, { params: { limit: 1 } })
  })
})
