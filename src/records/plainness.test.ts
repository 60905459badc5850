import { describe, expect, it } from "vitest"
import { findUnserializable, inspect, MAX_DEPTH, Plainness } from "./plainness.ts"

class Flight {
  origin = "LAS"
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { inner: value }
  return value
}

const cycle: Record<string, unknown> = { name: "x" }
cycle.items = [{ owner: cycle }]

describe("findUnserializable()", () => {
  it.each([
    [() => 1, "", "a function"],
    [Symbol("s"), "", "a symbol"],
    [{ user: { callback: () => 1 } }, "user.callback", "a function"],
    [{ items: [1, { f: Symbol.iterator }] }, "items[1].f", "a symbol"],
    [{ prices: new Map([["LAS", { f: () => 1 }]]) }, 'prices.get("LAS").f', "a function"],
    [{ prices: new Map([[() => 1, 1]]) }, "prices.keys()", "a function"],
    [{ tags: new Set([() => 1]) }, "tags.values()", "a function"],
    [{ flight: new Flight() }, "flight", "an instance of the class Flight"],
    [{ pending: Promise.resolve() }, "pending", "an instance of the class Promise"],
    [{ cache: new WeakMap() }, "cache", "an instance of the class WeakMap"],
    [{ error: new RangeError("x") }, "error", "an instance of RangeError (an error); send its name and message"],
    [{ shared: new SharedArrayBuffer(8) }, "shared", "an instance of the class SharedArrayBuffer"],
    [{ view: new Uint8Array(new SharedArrayBuffer(8)) }, "view", "a view on shared memory, or of a class of its own"],
    [{ [Symbol("tag")]: 1 }, "[Symbol(tag)]", "a field whose key is a symbol"],
    [Object.defineProperty({}, "hidden", { value: 1 }), "hidden", "not enumerable"],
    [cycle, "items[0].owner", "a reference back to a value that contains it"],
    [nested(MAX_DEPTH + 1), undefined, `nested deeper than ${MAX_DEPTH} levels`],
  ])("names the part of %o that cannot travel", (value, path, reason) => {
    const found = findUnserializable(value)
    expect(found?.reason).toBe(reason)
    if (path !== undefined) expect(found?.path).toBe(path)
  })

  it.each([
    [null],
    [undefined],
    [-0],
    [12n],
    [{ a: [1, "x", new Date(0), new Map([[{ k: 1 }, new Set([1])]]), new Float32Array(2), Buffer.from("x")] }],
    [Object.create(null)],
    [nested(MAX_DEPTH)],
  ])("accepts %o", (value) => {
    expect(findUnserializable(value)).toBeUndefined()
  })

  it("accepts one object in two places", () => {
    const shared = { a: 1 }
    expect(findUnserializable([shared, shared])).toBeUndefined()
  })
})

describe("inspect()", () => {
  it.each([
    [{ a: 1, b: "x", c: [true, null, undefined, 1n] }, Plainness.PLAIN],
    [{ text: "pair \u{1f600}" }, Plainness.PLAIN],
    [{ a: { b: -0 } }, Plainness.DELICATE],
    [["\ud800"], Plainness.DELICATE],
    [{ "\udc00": 1 }, Plainness.DELICATE],
    [JSON.parse('{"__proto__": 1}'), Plainness.DELICATE],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    [[1, , 2], Plainness.DELICATE],
    [Object.create(null), Plainness.DELICATE],
    [new Map([["a", -0]]), Plainness.DELICATE],
    [new Set(["\udfff"]), Plainness.DELICATE],
    [[-0, () => 1], Plainness.REFUSED],
    [{ flight: new Flight() }, Plainness.REFUSED],
    [new (class extends Array {})(), Plainness.REFUSED],
    [cycle, Plainness.REFUSED],
    [nested(MAX_DEPTH + 1), Plainness.REFUSED],
    [nested(MAX_DEPTH), Plainness.PLAIN],
  ])("judges %o", (value, plainness) => {
    expect(inspect(value)).toBe(plainness)
  })
})
