import { shortDuration, wholeCount } from "./_figures.ts"
import { type JobCommand, withJob } from "./job-command.ts"

/** `millrace stop` and `millrace cancel`: asks, and waits until the job has ended. */
export function endCommand(command: JobCommand, kind: "stop" | "cancel"): Promise<number> {
  return withJob(command, async (client, { jobName }) => {
    const { status, durationMs, recordsIn, recordsOut } = await client.ask(kind, {})
    command.io.stdout.write(
      `${jobName} ${status} after ${shortDuration(durationMs)}: ${wholeCount(recordsIn)} records in, ${wholeCount(recordsOut)} out\n`,
    )
  })
}
