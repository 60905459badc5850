import { describe, expect, it } from "vitest"
import type { Aggregate } from "../../contracts/index.ts"
import { MsgpackCodec } from "../../records/index.ts"
import { combineAggregates, count, countDistinct, defineAggregate, max, mean } from "./index.ts"

interface Flight {
  carrier: string
  delay: number
}

const flights: Flight[] = [
  { carrier: "DL", delay: 10 },
  { carrier: "AA", delay: -4 },
  { carrier: "DL", delay: 30 },
]

const make = () =>
  combineAggregates({
    flights: count(),
    meanDelay: mean((f: Flight) => f.delay),
    maxDelay: max((f: Flight) => f.delay),
    carriers: countDistinct((f: Flight) => f.carrier),
  })

/** Through a snapshot's bytes. */
function throughBytes<Acc>(aggregate: Aggregate<never, Acc, unknown>, accumulator: Acc): Acc {
  const codec = new MsgpackCodec()
  return aggregate.decode!(codec.decode(codec.encode([aggregate.encode!(accumulator)]))[0])
}

describe("combineAggregates() in snapshots", () => {
  it("gives back every part, by name, and goes on with it", () => {
    const combined = make()
    const restored = throughBytes(combined, combined.add(combined.create(), flights[0]!))
    for (const flight of flights.slice(1)) combined.add(restored, flight)
    expect(combined.result(restored)).toEqual({ flights: 3, meanDelay: 12, maxDelay: 30, carriers: 2 })
    const other = combineAggregates({ maxDelay: max((f: Flight) => f.delay), flights: count() })
    const plain = combined.encode(restored)
    expect(other.result(other.decode(plain))).toEqual({ maxDelay: 30, flights: 3 })
  })

  it("runs a part through its own encode and decode", () => {
    const carriers = defineAggregate<Flight, Names, number>({
      create: () => new Names([]),
      add: (names, flight) => new Names([...names.list, flight.carrier]),
      merge: (left, right) => new Names([...left.list, ...right.list]),
      result: (names) => names.list.length,
      encode: (names) => names.list,
      decode: (plain) => new Names(plain as string[]),
    })
    const combined = combineAggregates({ carriers, flights: count() })
    const restored = throughBytes(combined, combined.add(combined.create(), flights[0]!))
    expect(combined.result(combined.add(restored, flights[1]!))).toEqual({ carriers: 2, flights: 2 })
  })

  it("keeps a count alone as a number, and saves it as any other", () => {
    const alone = combineAggregates({ flights: count() })
    const three = flights.reduce((so, flight) => alone.add(so, flight), alone.create())
    expect(three).toBe(3)
    expect(alone.result(alone.retract!(alone.merge(alone.copy(three), 2), 1))).toEqual({ flights: 4 })
    expect(alone.encode(three)).toEqual({ flights: 3 })
    const others = make()
    expect(alone.result(alone.decode(others.encode(others.add(others.create(), flights[0]!))))).toEqual({ flights: 1 })
    expect(() => alone.decode({ carriers: 1 })).toThrowError(expect.objectContaining({ code: "STATE_INCOMPATIBLE" }))
  })

  it("takes any name for a field", () => {
    const names = ["__proto__", "constructor", "a b", '"', "`$" + "{x}`", "\n"]
    const combined = combineAggregates(Object.fromEntries(names.map((name) => [name, count()])))
    const restored = throughBytes(combined, combined.add(combined.create(), 1))
    for (const name of names) {
      expect(Object.getOwnPropertyDescriptor(combined.result(restored), name)?.value).toBe(1)
    }
  })

  it("refuses a snapshot that lacks a part with STATE_INCOMPATIBLE, and half a codec with STATE_CODEC_INCOMPLETE", () => {
    expect(() => make().decode({ flights: 1, meanDelay: { sum: 1, count: 1 } })).toThrowError(
      expect.objectContaining({
        code: "STATE_INCOMPATIBLE",
        message: expect.stringMatching(/the aggregate "maxDelay": the snapshot has flights, meanDelay only/),
      }),
    )
    expect(() => combineAggregates({ half: { ...count(), encode: () => 1 } })).toThrowError(
      expect.objectContaining({
        code: "STATE_CODEC_INCOMPLETE",
        message: expect.stringMatching(/the aggregate "half"/),
      }),
    )
  })
})

class Names {
  readonly list: readonly string[]

  constructor(list: readonly string[]) {
    this.list = list
  }
}

describe("combineAggregates()", () => {
  it("gives each aggregate's result under its name, in the order of naming", () => {
    const combined = make()
    const accumulator = flights.reduce((acc, flight) => combined.add(acc, flight), combined.create())
    const result = combined.result(accumulator)
    expect(result).toEqual({ flights: 3, meanDelay: 12, maxDelay: 30, carriers: 2 })
    expect(Object.keys(result)).toEqual(["flights", "meanDelay", "maxDelay", "carriers"])
    expect(combined.keyed("ATL", result)).toEqual({ key: "ATL", ...result })
    expect(combined.windowed("ATL", { start: 0, end: 1 }, result)).toEqual({
      key: "ATL",
      window: { start: 0, end: 1 },
      ...result,
    })
  })

  it("keeps accumulators apart", () => {
    const combined = make()
    const [a, b] = [combined.create(), combined.create()]
    combined.add(a, flights[0]!)
    combined.add(b, flights[1]!)
    expect(combined.result(a)).toMatchObject({ flights: 1, maxDelay: 10 })
    expect(combined.result(b)).toMatchObject({ flights: 1, maxDelay: -4 })
  })

  it("merges part by part", () => {
    const combined = make()
    const left = combined.add(combined.create(), flights[0]!)
    const right = combined.add(combined.add(combined.create(), flights[1]!), flights[2]!)
    expect(combined.result(combined.merge(left, right))).toEqual({
      flights: 3,
      meanDelay: 12,
      maxDelay: 30,
      carriers: 2,
    })
  })

  it("takes the accumulator that a user's add() returns, and calls it as a method", () => {
    const longest = defineAggregate<Flight, string, string>({
      create: () => "",
      add(soFar, flight) {
        return this.merge(soFar, flight.carrier)
      },
      merge: (left, right) => (right.length > left.length ? right : left),
      result: (text) => text,
    })
    const combined = combineAggregates({ longest })
    const accumulator = combined.add(combined.add(combined.create(), { carrier: "AAL", delay: 0 }), {
      carrier: "DL",
      delay: 0,
    })
    expect(combined.result(accumulator)).toEqual({ longest: "AAL" })
  })

  it("takes any name for a field, and none for code", () => {
    const names = ["__proto__", "constructor", "a b", '"', "'", "`$" + "{x}`", "\n", "\u2028", "1", "], x: y"]
    const combined = combineAggregates(Object.fromEntries(names.map((name) => [name, count()])))
    const result = combined.result(combined.add(combined.create(), 1))
    expect(Object.keys(result).toSorted()).toEqual(names.toSorted())
    for (const flat of [result, combined.keyed("k", result), combined.windowed("k", 0, result)]) {
      for (const name of names) expect(Object.getOwnPropertyDescriptor(flat, name)?.value).toBe(1)
      expect(Object.getPrototypeOf(flat)).toBe(Object.prototype)
    }
  })

  it.each(["key", "window"])("refuses the name %s with AGGREGATE_NAME_RESERVED", (name) => {
    expect(() => combineAggregates({ [name]: count() })).toThrowError(
      expect.objectContaining({ code: "AGGREGATE_NAME_RESERVED", message: expect.stringMatching(`"${name}s"`) }),
    )
  })

  it("refuses no aggregates at all with AGGREGATE_EMPTY", () => {
    expect(() => combineAggregates({})).toThrowError(expect.objectContaining({ code: "AGGREGATE_EMPTY" }))
  })
})
