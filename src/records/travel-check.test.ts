import { describe, expect, it } from "vitest"
import { mayTravel } from "./plainness.ts"
import { TravelCheck } from "./travel-check.ts"

class Flight {
  origin = "LAS"
  get delay(): number {
    return 3
  }
}

const plain = { origin: "LAS", delay: 3 }

describe("TravelCheck: what it has learned of one record does not let another one pass", () => {
  it.each<[string, () => unknown]>([
    ["a function in a known field", () => ({ origin: "LAS", delay: () => 3 })],
    ["a function in one field more", () => ({ ...plain, f: () => 1 })],
    ["a function in place of a known field", () => ({ origin: "LAS", f: () => 1 })],
    ["a symbol", () => Symbol("s")],
    ["a function", () => () => 1],
    ["an instance of a class with the same fields", () => new Flight()],
    ["an object whose prototype has the fields", () => Object.create(plain)],
    [
      "an instance whose getter throws",
      () =>
        new (class {
          get origin(): string {
            throw new Error("boom")
          }
        })(),
    ],
    ["a nested instance", () => ({ origin: new Flight(), delay: 3 })],
    [
      "a cycle",
      () => {
        const cycle: Record<string, unknown> = { origin: "LAS" }
        cycle.delay = cycle
        return cycle
      },
    ],
    [
      "an own field named __proto__ that holds a function",
      () =>
        JSON.parse('{"origin":"LAS","delay":3,"__proto__":1}', (key, value) => (key === "__proto__" ? () => 1 : value)),
    ],
  ])("%s", (_name, make) => {
    const check = new TravelCheck()
    expect(check.firstRefused([plain, { ...plain }, plain])).toBe(-1)
    const bad = make()
    const expected = mayTravel(bad) ? -1 : 2
    expect(check.firstRefused([plain, plain, bad, plain])).toBe(expected)
    if (expected === 2) expect(check.firstRefused([bad])).toBe(0)
  })

  it("lets pass what may travel, of as many shapes as come, in any order", () => {
    const check = new TravelCheck()
    const values = Array.from({ length: 200 }, (_, index) => [
      { ...plain },
      index,
      "text",
      null,
      undefined,
      [1, { a: 2 }],
      { delay: 3, origin: "LAS" },
      { origin: null, delay: undefined },
      { [`field${index % 10}`]: index },
      {},
      Object.create(null),
      new Date(0),
      new Map([["a", 1]]),
      JSON.parse('{"__proto__": 1}'),
    ]).flat()
    expect(check.firstRefused(values)).toBe(-1)
    expect(check.firstRefused([...values, new Flight()])).toBe(values.length)
  })
})
