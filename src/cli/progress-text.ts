import type { JobMetrics, VertexMetrics } from "../observe/index.ts"
import { percent, shortCount, shortDuration } from "./_figures.ts"
import { clip, type Paint, padEnd, textWidth } from "./_terminal.ts"

export interface ProgressStyle {
  /** No line is longer. Infinity where nothing limits it. */
  readonly columns: number
  readonly paint: Paint
}

const BAR_CELLS = 10
/** Below this a line has no room for bars. */
const COLUMNS_FOR_BARS = 90

/** A reading as one line, for a log: the job's figures, then busy and backpressured shares per vertex. */
export function progressLine(metrics: JobMetrics, { columns }: Pick<ProgressStyle, "columns">): string {
  const vertices = metrics.vertices.map(
    ({ id, busyShare, backpressuredShare }) =>
      `${id} busy ${percent(busyShare)} backpressured ${percent(backpressuredShare)}`,
  )
  return clip([jobFigures(metrics).join("  "), ...vertices].join(" | "), columns)
}

/**
 * A reading as a block for a terminal: the job's figures, then a line per vertex.
 *
 * @param maxLines what does not fit is counted in the last line; at least 1
 */
export function progressBlock(
  metrics: JobMetrics,
  { columns, paint, maxLines }: ProgressStyle & { readonly maxLines: number },
): string[] {
  const figures = clip(jobFigures(metrics).join("  "), columns)
  const room = Math.max(0, maxLines - 1)
  const shownCount = metrics.vertices.length <= room ? metrics.vertices.length : Math.max(0, room - 1)
  const shown = metrics.vertices.slice(0, shownCount)
  const hidden = metrics.vertices.length - shownCount
  const nameColumns = Math.min(
    Math.max(0, ...shown.map((vertex) => textWidth(label(vertex)))),
    Math.max(8, columns - 52),
  )
  const lines = shown.map((vertex) => vertexLine(vertex, nameColumns, columns, paint))
  const more = hidden > 0 && room > 0 ? [clip(`  and ${hidden} more`, columns)] : []
  return [paint("bold", figures), ...lines, ...more]
}

function jobFigures(metrics: JobMetrics): string[] {
  return [
    shortDuration(metrics.elapsedMs),
    `${shortCount(metrics.recordsPerSecond)} records/s`,
    `${shortCount(metrics.recordsIn)} in`,
    `${shortCount(metrics.recordsOut)} out`,
    ...(metrics.watermarkLagMs === undefined ? [] : [`watermark lag ${shortDuration(metrics.watermarkLagMs)}`]),
    // Without an exchange between vertices there is nothing to be in flight.
    ...(metrics.credits > 0 ? [`in flight ${shortCount(metrics.inFlight)} of ${shortCount(metrics.credits)}`] : []),
    ...(metrics.late > 0 ? [`${shortCount(metrics.late)} late`] : []),
    ...(metrics.skipped > 0 ? [`${shortCount(metrics.skipped)} skipped`] : []),
  ]
}

function vertexLine(vertex: VertexMetrics, nameColumns: number, columns: number, paint: Paint): string {
  const name = padEnd(clip(label(vertex), nameColumns), nameColumns)
  const rate = `${shortCount(vertex.recordsPerSecond)}/s`.padStart(9)
  const busy = percent(vertex.busyShare).padStart(4)
  const blocked = percent(vertex.backpressuredShare).padStart(4)
  const bar = columns >= COLUMNS_FOR_BARS ? `${shareBar(vertex)}  ` : ""
  const line = clip(`  ${name} ${rate}  ${bar}busy ${busy}  backpressured ${blocked}`, columns)
  // One colour per line, chosen after cutting: what a vertex waits for, or that it is the one the others wait for.
  if (vertex.backpressuredShare >= 0.5) return paint("yellow", line)
  return vertex.busyShare >= 0.9 ? paint("green", line) : line
}

/** Ten cells of the vertex's time: busy, backpressured, idle. */
function shareBar({ busyShare, backpressuredShare }: VertexMetrics): string {
  const busy = cells(busyShare)
  const blocked = Math.min(BAR_CELLS - busy, cells(backpressuredShare))
  return "█".repeat(busy) + "▒".repeat(blocked) + "·".repeat(BAR_CELLS - busy - blocked)
}

function cells(share: number): number {
  return Number.isFinite(share) ? Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS) : 0
}

function label({ name, parallelism }: VertexMetrics): string {
  return `${name} x${parallelism}`
}
