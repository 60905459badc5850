import type { JobStatus } from "../actors/index.ts"
import type { JobMetrics } from "../observe/index.ts"
import { percent, shortCount, shortDuration, wholeCount } from "./_figures.ts"
import { clip, padEnd, textWidth } from "./_terminal.ts"
import type { ProgressStyle } from "./progress-text.ts"

export interface JobEnd {
  readonly jobName: string
  readonly status: JobStatus
  readonly durationMs: number
  /** The last reading, with the shares of the whole run. */
  readonly metrics: JobMetrics
}

const HEADS = ["in", "out", "busy", "backpressured", "late", "skipped"]
/** For a terminal too narrow for the whole words. */
const SHORT_HEADS = ["in", "out", "busy", "backp.", "late", "skip"]
const GAP = "  "
const NAME_COLUMNS_MIN = 10

/** How a job ended: one sentence, the totals, and a table with a row per vertex. Ends in a line feed. */
export function summaryText(
  { jobName, status, durationMs, metrics }: JobEnd,
  { columns, paint }: ProgressStyle,
): string {
  const rate = durationMs > 0 ? metrics.recordsIn / (durationMs / 1000) : 0
  const ended = clip(`${jobName} ${status} after ${shortDuration(durationMs)}`, columns)
  const totals = [
    `${wholeCount(metrics.recordsIn)} records in`,
    `${wholeCount(metrics.recordsOut)} out`,
    `${shortCount(rate)} records/s`,
    ...(metrics.late > 0 ? [`${wholeCount(metrics.late)} late`] : []),
    ...(metrics.skipped > 0 ? [`${wholeCount(metrics.skipped)} skipped`] : []),
  ]
  const rows = metrics.vertices.map((vertex) => ({
    name: `${vertex.name} x${vertex.parallelism}`,
    cells: [
      wholeCount(vertex.recordsIn),
      wholeCount(vertex.recordsOut),
      percent(vertex.busyShare),
      percent(vertex.backpressuredShare),
      wholeCount(vertex.late),
      wholeCount(vertex.skipped),
    ],
  }))
  const color = status === "finished" || status === "stopped" ? "green" : status === "failed" ? "red" : "yellow"
  const table = rows.length === 0 ? [] : ["", ...tableLines(rows, columns, paint)]
  return `${[paint(color, ended), clip(totals.join(", "), columns), ...table].join("\n")}\n`
}

function tableLines(
  rows: readonly { readonly name: string; readonly cells: readonly string[] }[],
  columns: number,
  paint: ProgressStyle["paint"],
): string[] {
  const widestName = Math.max("vertex".length, ...rows.map((row) => textWidth(row.name)))
  const widthsUnder = (heads: readonly string[]): number[] =>
    heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row.cells[column]!.length)))
  const roomForName = (heads: readonly string[]): number =>
    columns - widthsUnder(heads).reduce((sum, width) => sum + width + GAP.length, 0)
  const heads = roomForName(HEADS) >= widestName ? HEADS : SHORT_HEADS
  const widths = widthsUnder(heads)
  // The figures matter more than the end of a long name; on a very narrow terminal the line is cut.
  const nameColumns = Math.min(widestName, Math.max(NAME_COLUMNS_MIN, roomForName(heads)))
  const line = (name: string, cells: readonly string[]): string =>
    clip(
      padEnd(clip(name, nameColumns), nameColumns) +
        cells.map((cell, column) => GAP + cell.padStart(widths[column]!)).join(""),
      columns,
    )
  return [paint("dim", line("vertex", heads)), ...rows.map((row) => line(row.name, row.cells))]
}
