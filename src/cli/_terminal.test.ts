import { describe, expect, it } from "vitest"
import { FakeIo } from "./_fixtures.ts"
import { clip, painter, textWidth, wrap } from "./_terminal.ts"

describe("painter()", () => {
  it.each([
    { isTTY: true, env: {}, colored: true },
    { isTTY: false, env: {}, colored: false },
    { isTTY: true, env: { NO_COLOR: "1" }, colored: false },
    { isTTY: true, env: { NO_COLOR: "" }, colored: true },
    { isTTY: true, env: { TERM: "dumb" }, colored: false },
    { isTTY: false, env: { FORCE_COLOR: "1" }, colored: true },
    { isTTY: true, env: { FORCE_COLOR: "0" }, colored: false },
    { isTTY: true, env: { FORCE_COLOR: "1", NO_COLOR: "1" }, colored: false },
  ])("colours: $colored on a terminal: $isTTY with $env", ({ isTTY, env, colored }) => {
    const io = new FakeIo({ isTTY, env })
    expect(painter(io.stderr, io.env)("red", "x")).toBe(colored ? "\u001b[31mx\u001b[39m" : "x")
  })
})

describe("clip()", () => {
  it("keeps what fits and marks what it cuts", () => {
    expect(clip("window-1", 8)).toBe("window-1")
    expect(clip("window-12", 8)).toBe("window-…")
    expect(clip("abc", 1)).toBe("…")
    expect(clip("abc", 0)).toBe("")
  })

  it("counts wide characters as two columns and never splits one", () => {
    expect(clip("空港の遅延", 7)).toBe("空港の…")
    expect(clip("✅✅✅", 4)).toBe("✅…")
  })

  it("turns control characters into spaces, which cannot move the cursor", () => {
    expect(clip("a\u001b[2Jb\nc", 80)).toBe("a [2Jb c")
  })
})

it("textWidth() counts no escape sequences", () => {
  expect(textWidth("\u001b[31mred\u001b[39m")).toBe(3)
})

it("wrap() breaks at spaces and keeps long words whole", () => {
  expect(wrap("one two three", 7)).toEqual(["one two", "three"])
  expect(wrap("a verylongword b", 4)).toEqual(["a", "verylongword", "b"])
})
