import type { JobEntry, OperatorStatus, StatusReport } from "../control/index.ts"
import { percent, shortCount, shortDuration, wholeCount } from "./_figures.ts"
import { type Paint, padEnd, textWidth } from "./_terminal.ts"

const HEADS = ["job", "pid", "run", "status", "up", "records/s", "in", "out", "checkpoint", "restarts"]
const OPERATOR_HEADS = ["operators", "records/s", "in", "out", "busy", "backpressured", "longest step"]

/** All jobs that run, one per line. */
export function statusTable(
  jobs: readonly { readonly entry: JobEntry; readonly report?: StatusReport }[],
  paint: Paint,
): readonly string[] {
  if (jobs.length === 0) return ["no job runs now"]
  return table(
    HEADS,
    jobs.map(({ entry: { jobName, pid, runId }, report }) => {
      if (report === undefined) return [jobName, String(pid), runId, "silent", "-", "-", "-", "-", "-", "-"]
      const { status, elapsedMs, recordsPerSecond, recordsIn, recordsOut, restarts } = report
      return [
        jobName,
        String(pid),
        runId,
        status,
        shortDuration(elapsedMs),
        shortCount(recordsPerSecond),
        shortCount(recordsIn),
        shortCount(recordsOut),
        checkpointText(report),
        wholeCount(restarts),
      ]
    }),
    paint,
  )
}

/** One job with its operators. */
export function statusLines(report: StatusReport, paint: Paint): readonly string[] {
  const { jobName, runId, pid, status, elapsedMs, checkpoints, restarts } = report
  const lag = report.watermarkLagMs === null ? "" : `, watermark lag ${shortDuration(report.watermarkLagMs)}`
  const lost =
    report.late + report.skipped === 0 ? "" : `, ${wholeCount(report.late)} late, ${wholeCount(report.skipped)} skipped`
  return [
    `${paint("bold", jobName)} ${status} for ${shortDuration(elapsedMs)} (pid ${pid}, run ${runId})`,
    `${shortCount(report.recordsPerSecond)} records/s, ${wholeCount(report.recordsIn)} in, ${wholeCount(report.recordsOut)} out, ${wholeCount(report.inFlight)} in flight${lag}${lost}`,
    `last checkpoint: ${checkpointText(report)}; ${wholeCount(checkpoints.completed)} completed, ${wholeCount(checkpoints.failed)} failed; ${wholeCount(restarts)} restarts`,
    "",
    ...table(OPERATOR_HEADS, report.operators.map(operatorCells), paint),
  ]
}

function operatorCells(operator: OperatorStatus): readonly string[] {
  return [
    `${operator.name} x${operator.parallelism}`,
    shortCount(operator.recordsPerSecond),
    wholeCount(operator.recordsIn),
    wholeCount(operator.recordsOut),
    percent(operator.busyShare ?? Number.NaN),
    percent(operator.backpressuredShare ?? Number.NaN),
    `${operator.longestStepMs.toFixed(1)} ms`,
  ]
}

function checkpointText({ checkpoints: { lastId, lastAgeMs, lastDurationMs } }: StatusReport): string {
  if (lastId === null) return "none"
  return `${lastId}, ${shortDuration(lastAgeMs ?? Number.NaN)} ago, took ${shortDuration(lastDurationMs ?? Number.NaN)}`
}

function table(heads: readonly string[], rows: readonly (readonly string[])[], paint: Paint): readonly string[] {
  const widths = heads.map((head, column) => Math.max(textWidth(head), ...rows.map((row) => textWidth(row[column]!))))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => padEnd(cell, widths[column]!))
      .join("  ")
      .trimEnd()
  return [paint("dim", line(heads)), ...rows.map(line)]
}
