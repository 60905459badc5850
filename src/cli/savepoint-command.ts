import { resolve } from "node:path"
import { shortBytes, shortDuration } from "./_figures.ts"
import { endText } from "./end-command.ts"
import { type JobCommand, withJob } from "./job-command.ts"

/** `millrace savepoint`: standard output is what it did and where the savepoint is. */
export function savepointCommand(command: JobCommand): Promise<number> {
  const { io, values } = command
  // The job's working directory may be another one.
  const directory = typeof values.to === "string" ? resolve(values.to) : undefined
  return withJob(command, async (client, { jobName }) => {
    if (values.stop === true) {
      io.stdout.write(endText(jobName, await client.ask("stop", { savepoint: directory ?? true })))
      return
    }
    const taken = await client.ask("savepoint", directory === undefined ? {} : { directory })
    io.stdout.write(
      `${jobName} goes on; savepoint ${taken.checkpointId}, ${shortBytes(taken.sizeBytes)}, taken in ${shortDuration(taken.durationMs)}\nsavepoint: ${taken.directory}\n`,
    )
  })
}
