import { expectTypeOf, it } from "vitest"
import {
  type AggregateResults,
  type Aggregates,
  combineAggregates,
  count,
  countDistinct,
  defineAggregate,
  max,
  mean,
  min,
  sum,
} from "./index.ts"

interface Flight {
  readonly origin: string
  readonly delay: number
  readonly distance: number
}

/** A stream's method of this signature. */
declare function aggregate<A extends Aggregates<Flight>>(aggregates: A): AggregateResults<A>

it("aggregates in a literal know the stream's record type without annotations", () => {
  const results = aggregate({
    flights: count(),
    meanDelay: mean((f) => {
      expectTypeOf(f).toEqualTypeOf<Flight>()
      return f.delay
    }),
    total: sum((f) => f.distance),
    shortest: min((f) => f.distance),
    longest: max((f) => f.distance),
    origins: countDistinct((f) => f.origin),
    text: defineAggregate({
      create: () => "",
      add: (text: string, f: Flight) => text + f.origin,
      merge: (left, right) => left + right,
      result: (text) => ({ text }),
    }),
  })
  expectTypeOf(results).toEqualTypeOf<{
    flights: number
    meanDelay: number
    total: number
    shortest: number
    longest: number
    origins: number
    text: { text: string }
  }>()
})

it("a function that reads a field that is not there, or returns no number, does not compile", () => {
  aggregate({
    // @ts-expect-error no such field
    a: mean((f) => f.delays),
  })
  aggregate({
    // @ts-expect-error a string is no number
    a: sum((f) => f.origin),
  })
})

it("combineAggregates() carries the result types through", () => {
  const combined = combineAggregates<Flight, { flights: ReturnType<typeof count> }>({ flights: count() })
  expectTypeOf(combined.result).returns.toEqualTypeOf<{ flights: number }>()
  expectTypeOf(combined.keyed("ATL", { flights: 1 }).key).toEqualTypeOf<string>()
})
