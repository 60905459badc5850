import type { JobHandle, JobResult, JobStatus, Savepoint } from "../actors/index.ts"

/** What a job says of itself. Plain JSON: what is not known, or not finite, is null. Times in ms. */
export interface StatusReport {
  readonly jobName: string
  readonly runId: string
  readonly pid: number
  readonly status: JobStatus
  readonly elapsedMs: number
  readonly recordsIn: number
  readonly recordsOut: number
  readonly recordsPerSecond: number
  readonly inFlight: number
  readonly watermarkLagMs: number | null
  readonly late: number
  readonly skipped: number
  readonly restarts: number
  readonly checkpoints: CheckpointFigures
  readonly operators: readonly OperatorStatus[]
}

export interface CheckpointFigures {
  readonly completed: number
  readonly failed: number
  /** The last one that completed. */
  readonly lastId: number | null
  /** How long ago. */
  readonly lastAgeMs: number | null
  readonly lastDurationMs: number | null
  readonly lastSizeBytes: number | null
}

/** One chain of operators. */
export interface OperatorStatus {
  readonly id: string
  readonly name: string
  readonly parallelism: number
  readonly recordsIn: number
  readonly recordsOut: number
  readonly recordsPerSecond: number
  readonly busyShare: number | null
  readonly backpressuredShare: number | null
  /** Of the last 5 to 10 seconds. */
  readonly longestStepMs: number
  readonly watermarkMs: number | null
}

/** How a job ended that was asked to. */
export interface EndReport {
  readonly status: JobResult["status"] | "cancelled"
  readonly savepoint?: Savepoint
  readonly durationMs: number
  readonly recordsIn: number
  readonly recordsOut: number
}

export function statusReport(job: JobHandle, pid: number, nowMs: number): StatusReport {
  const metrics = job.readMetrics()
  const { completed, failed, last } = job.readCheckpoints()
  return {
    jobName: job.jobName,
    runId: job.runId,
    pid,
    status: job.status,
    elapsedMs: metrics.elapsedMs,
    recordsIn: metrics.recordsIn,
    recordsOut: metrics.recordsOut,
    recordsPerSecond: finite(metrics.recordsPerSecond) ?? 0,
    inFlight: metrics.inFlight,
    watermarkLagMs: finite(metrics.watermarkLagMs),
    late: metrics.late,
    skipped: metrics.skipped,
    restarts: job.restarts,
    checkpoints: {
      completed,
      failed,
      lastId: last?.checkpointId ?? null,
      lastAgeMs: last === undefined ? null : nowMs - last.completedAtMs,
      lastDurationMs: finite(last?.durationMs),
      lastSizeBytes: finite(last?.sizeBytes),
    },
    operators: metrics.vertices.map((vertex) => ({
      id: vertex.id,
      name: vertex.name,
      parallelism: vertex.parallelism,
      recordsIn: vertex.recordsIn,
      recordsOut: vertex.recordsOut,
      recordsPerSecond: finite(vertex.recordsPerSecond) ?? 0,
      busyShare: finite(vertex.busyShare),
      backpressuredShare: finite(vertex.backpressuredShare),
      longestStepMs: vertex.longestStepMs,
      watermarkMs: finite(vertex.watermarkMs),
    })),
  }
}

export function endReport({ status, savepoint, durationMs, metrics }: JobResult): EndReport {
  const { recordsIn, recordsOut } = metrics
  return { status, ...(savepoint === undefined ? {} : { savepoint }), durationMs, recordsIn, recordsOut }
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}
