import { closest, EngineError } from "../errors/index.ts"
import type { JobEntry } from "./registry.ts"

/**
 * The running job that is meant: by name, else by run id, else by process id.
 *
 * @throws {EngineError} CONTROL_JOB_NOT_FOUND, CONTROL_JOB_AMBIGUOUS: both list what runs
 */
export function findJob(wanted: string, running: readonly JobEntry[]): JobEntry {
  for (const matches of [
    running.filter(({ jobName }) => jobName === wanted),
    running.filter(({ runId }) => runId === wanted),
    running.filter(({ pid }) => String(pid) === wanted),
  ]) {
    if (matches.length === 1) return matches[0]!
    if (matches.length > 1) {
      throw new EngineError(
        "CONTROL_JOB_AMBIGUOUS",
        `Cannot choose a job: ${matches.length} that run now are called ${JSON.stringify(wanted)}; name one by its process id: ${matches.map(describeEntry).join(", ")}`,
      )
    }
  }
  const near = closest(
    wanted,
    running.map(({ jobName }) => jobName),
  )
  const others =
    running.length === 0
      ? "no job runs now; one can be reached a moment after its start, from a terminal of the same user"
      : `${near === undefined ? "" : `did you mean ${near}? `}These run now: ${running.map(describeEntry).join(", ")}`
  throw new EngineError(
    "CONTROL_JOB_NOT_FOUND",
    `Cannot find a running job with name, run id or process id ${JSON.stringify(wanted)}; ${others}`,
  )
}

function describeEntry({ jobName, runId, pid }: JobEntry): string {
  return `${jobName} (pid ${pid}, run ${runId})`
}
