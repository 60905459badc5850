import { resolve } from "node:path"
import type { EndReport } from "../control/index.ts"
import { shortDuration, wholeCount } from "./_figures.ts"
import { type JobCommand, withJob } from "./job-command.ts"

/** `millrace stop` and `millrace cancel`: asks, and waits until the job has ended. */
export function endCommand(command: JobCommand, kind: "stop" | "cancel"): Promise<number> {
  const { io, values } = command
  const params = typeof values.savepoint === "string" ? { savepoint: resolve(values.savepoint) } : {}
  return withJob(command, async (client, { jobName }) => {
    io.stdout.write(endText(jobName, await client.ask(kind, params)))
  })
}

/** How a job ended that was asked to. Ends in a line feed. */
export function endText(jobName: string, { status, savepoint, durationMs, recordsIn, recordsOut }: EndReport): string {
  const ended = `${jobName} ${status} after ${shortDuration(durationMs)}: ${wholeCount(recordsIn)} records in, ${wholeCount(recordsOut)} out`
  return savepoint === undefined ? `${ended}\n` : `${ended}\nsavepoint: ${savepoint.directory}\n`
}
