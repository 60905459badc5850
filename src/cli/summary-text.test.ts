import { describe, expect, it } from "vitest"
import { jobMetrics, vertexMetrics } from "./_fixtures.ts"
import { plain, textWidth } from "./_terminal.ts"
import { summaryText } from "./summary-text.ts"

const style = { columns: 100, paint: plain }

describe("summaryText()", () => {
  it("says how the job ended, its totals, and what each vertex did", () => {
    const metrics = jobMetrics({
      late: 3,
      skipped: 1,
      vertices: [
        vertexMetrics({ skipped: 1 }),
        vertexMetrics({
          id: "window-1",
          name: "window-1",
          parallelism: 4,
          recordsIn: 13_000_000,
          recordsOut: 1_200,
          late: 3,
        }),
      ],
    })
    expect(summaryText({ jobName: "airport-delays", status: "finished", durationMs: 12_000, metrics }, style)).toBe(
      `airport-delays finished after 12.0s
14,500,000 records in, 1,200 out, 1.21 M records/s, 3 late, 1 skipped

vertex                          in         out  busy  backpressured  late  skipped
flights -> filter-1 x2  14,500,000  13,000,000   62%            12%     0        1
window-1 x4             13,000,000       1,200   62%            12%     3        0
`,
    )
  })

  it.each([20, 60, 80, 120])("keeps to %d columns", (columns) => {
    const metrics = jobMetrics({ vertices: [vertexMetrics({ name: "a -> ".repeat(30) })] })
    const text = summaryText(
      { jobName: "j".repeat(150), status: "failed", durationMs: 1, metrics },
      { columns, paint: plain },
    )
    for (const line of text.split("\n")) expect(textWidth(line)).toBeLessThanOrEqual(columns)
  })

  it("shortens heads and names before it loses a figure", () => {
    const text = summaryText(
      { jobName: "a", status: "finished", durationMs: 1, metrics: jobMetrics() },
      { columns: 60, paint: plain },
    )
    expect(text.split("\n").slice(3)).toEqual([
      "vertex              in         out  busy  backp.  late  skip",
      "flights -…  14,500,000  13,000,000   62%     12%     0     0",
      "window-1 …  14,500,000  13,000,000   95%      0%     0     0",
      "",
    ])
  })

  it("stands without vertices and without time", () => {
    const metrics = jobMetrics({ recordsIn: 0, recordsOut: 0, vertices: [] })
    const text = summaryText({ jobName: "empty", status: "cancelled", durationMs: 0, metrics }, style)
    expect(text).toBe("empty cancelled after 0ms\n0 records in, 0 out, 0 records/s\n")
  })
})
