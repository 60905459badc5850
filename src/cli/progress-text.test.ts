import { describe, expect, it } from "vitest"
import { jobMetrics, vertexMetrics } from "./_fixtures.ts"
import { plain, textWidth } from "./_terminal.ts"
import { progressBlock, progressLine } from "./progress-text.ts"

describe("progressLine()", () => {
  it("has the job's figures and both shares of every vertex", () => {
    expect(progressLine(jobMetrics(), { columns: Number.POSITIVE_INFINITY })).toBe(
      "12.0s  1.24 M records/s  14.5 M in  1,200 out  watermark lag 3.2s  in flight 512 of 4,096" +
        " | flights busy 62% backpressured 12% | window-1 busy 95% backpressured 0%",
    )
  })

  it("leaves out the lag without event time and credits without exchanges, and names late and skipped records only when there are some", () => {
    const without = jobMetrics({ watermarkLagMs: undefined, credits: 0, vertices: [] })
    expect(progressLine(without, { columns: 200 })).toBe("12.0s  1.24 M records/s  14.5 M in  1,200 out")
    expect(progressLine({ ...without, late: 3, skipped: 12_000 }, { columns: 200 })).toMatch(
      / {2}3 late {2}12.0 k skipped$/,
    )
  })

  it.each([1, 20, 40, 80, 120])("is at most %d columns wide", (columns) => {
    expect(textWidth(progressLine(jobMetrics(), { columns }))).toBeLessThanOrEqual(columns)
  })
})

describe("progressBlock()", () => {
  const style = { columns: 100, paint: plain, maxLines: 10 }

  it("is a line for the job and one per vertex, aligned, with bars where there is room", () => {
    expect(progressBlock(jobMetrics(), style)).toEqual([
      "12.0s  1.24 M records/s  14.5 M in  1,200 out  watermark lag 3.2s  in flight 512 of 4,096",
      "  flights -> filter-1 x2  1.24 M/s  ██████▒···  busy  62%  backpressured  12%",
      "  window-1 x4             1.24 M/s  ██████████  busy  95%  backpressured   0%",
    ])
    expect(progressBlock(jobMetrics(), { ...style, columns: 79 })[1]).toBe(
      "  flights -> filter-1 x2  1.24 M/s  busy  62%  backpressured  12%",
    )
  })

  it.each([1, 10, 40, 60, 80, 120])("never exceeds %d columns, whatever the names", (columns) => {
    const vertices = [
      vertexMetrics({ name: "空港".repeat(30) }),
      vertexMetrics({ name: "a -> ".repeat(40) }),
      vertexMetrics({ name: "x\ny" }),
    ]
    const lines = progressBlock(jobMetrics({ vertices }), { ...style, columns })
    for (const line of lines) {
      expect(textWidth(line)).toBeLessThanOrEqual(columns)
      expect(line).not.toContain("\n")
    }
  })

  it("counts the vertices that do not fit", () => {
    const vertices = Array.from({ length: 9 }, (_, index) => vertexMetrics({ name: `map-${index}` }))
    const lines = progressBlock(jobMetrics({ vertices }), { ...style, maxLines: 5 })
    expect(lines).toHaveLength(5)
    expect(lines.at(-1)).toBe("  and 6 more")
    expect(progressBlock(jobMetrics({ vertices }), { ...style, maxLines: 1 })).toHaveLength(1)
    expect(progressBlock(jobMetrics({ vertices }), style)).toHaveLength(10)
  })

  it("colours a vertex that waits for others, and one that others wait for", () => {
    const vertices = [
      vertexMetrics({ backpressuredShare: 0.8 }),
      vertexMetrics({ busyShare: 0.95, backpressuredShare: 0 }),
      vertexMetrics(),
    ]
    const paint = (format: string, text: string): string => `${format}:${text}`
    const formats = progressBlock(jobMetrics({ vertices }), { ...style, paint }).map((line) => line.split(":")[0])
    expect(formats.slice(0, 3)).toEqual(["bold", "yellow", "green"])
    expect(formats[3]).toMatch(/^ {2}flights/)
  })

  it("shows shares that are not known yet", () => {
    expect(progressBlock(jobMetrics({ vertices: [vertexMetrics({ busyShare: Number.NaN })] }), style)[1]).toContain(
      "busy    -",
    )
  })
})
