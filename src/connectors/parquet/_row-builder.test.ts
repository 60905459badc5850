import { describe, expect, it } from "vitest"
import { rowBuilder } from "./_row-builder.ts"

describe("rowBuilder", () => {
  it("builds plain objects with the fields in the order of the columns", () => {
    const rows = rowBuilder(["b", "a"])(
      [
        [1, 2, 9],
        ["x", null, "unused"],
      ],
      2,
    )
    expect(rows).toEqual([
      { b: 1, a: "x" },
      { b: 2, a: null },
    ])
    expect(Object.keys(rows[0]!)).toEqual(["b", "a"])
    expect(Object.getPrototypeOf(rows[0])).toBe(Object.prototype)
  })

  it("takes column names as text, whatever they contain", () => {
    const names = ['say "hi"', "new\nline", "__proto__", "a-b", "constructor", "\u2028", "}; throw 1; {"]
    const [row] = rowBuilder(names)(
      names.map((_name, index) => [index]),
      1,
    )
    expect(Object.entries(row!)).toEqual(names.map((name, index) => [name, index]))
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  })
})
