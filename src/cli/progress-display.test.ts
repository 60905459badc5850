import { describe, expect, it } from "vitest"
import { FakeIo, jobMetrics } from "./_fixtures.ts"
import { ProgressDisplay } from "./progress-display.ts"

const ERASE_THREE_LINES = "\r\u001b[2A\u001b[J"

describe("ProgressDisplay on a terminal", () => {
  const open = (): { io: FakeIo; display: ProgressDisplay } => {
    const io = new FakeIo({ isTTY: true, env: { NO_COLOR: "1" } })
    return { io, display: new ProgressDisplay(io, { quiet: false }) }
  }

  it("rewrites one block in place and takes it away at the end", () => {
    const { io, display } = open()
    display.show(jobMetrics())
    const block = io.stderr.text
    expect(block.split("\n")).toHaveLength(3)
    display.show(jobMetrics())
    expect(io.stderr.text).toBe(block + ERASE_THREE_LINES + block)
    display.close()
    expect(io.stderr.text).toBe(block + ERASE_THREE_LINES + block + ERASE_THREE_LINES)
  })

  it("leaves the last column free, so that no line wraps", () => {
    const io = new FakeIo({ isTTY: true, columns: 40, env: { NO_COLOR: "1" } })
    new ProgressDisplay(io, { quiet: false }).show(jobMetrics())
    for (const line of io.stderr.text.split("\n")) expect(line.length).toBeLessThanOrEqual(39)
  })

  it("prints lines above the block, and notes too", () => {
    const { io, display } = open()
    display.show(jobMetrics())
    const block = io.stderr.text
    display.print("one")
    display.print("two")
    expect(io.stdout.text).toBe("")
    display.flush()
    expect(io.stdout.text).toBe("one\ntwo\n")
    expect(io.stderr.text).toBe(block + ERASE_THREE_LINES + block)
    display.note("stopping")
    expect(io.stderr.text).toBe(`${block}${ERASE_THREE_LINES}${block}${ERASE_THREE_LINES}stopping\n${block}`)
  })
})

describe("ProgressDisplay elsewhere", () => {
  it("writes a line per reading", () => {
    const io = new FakeIo()
    const display = new ProgressDisplay(io, { quiet: false })
    display.show(jobMetrics())
    display.show(jobMetrics())
    display.close()
    expect(io.stderr.text.split("\n")).toHaveLength(3)
    expect(io.stderr.text).not.toContain("\u001b")
  })

  it("writes prints in the next turn of the event loop, or at once when there are many", async () => {
    const io = new FakeIo()
    const display = new ProgressDisplay(io, { quiet: false })
    display.print("a")
    await new Promise((resolve) => setImmediate(resolve))
    expect(io.stdout.text).toBe("a\n")
    display.print("x".repeat(70_000))
    expect(io.stdout.text).toHaveLength(70_003)
  })

  it("shows nothing but prints and notes when quiet", () => {
    const io = new FakeIo()
    const display = new ProgressDisplay(io, { quiet: true })
    display.show(jobMetrics())
    display.print("a")
    display.note("stopping")
    display.close()
    expect(io.stdout.text).toBe("a\n")
    expect(io.stderr.text).toBe("stopping\n")
  })
})
