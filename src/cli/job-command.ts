import { ControlClient, findJob, type JobEntry, listJobs, runtimeDirectories } from "../control/index.ts"
import type { Io } from "./io.ts"
import type { OptionValues } from "./parse-command-line.ts"
import { printError } from "./print-error.ts"

/** A command that talks to a running job. */
export interface JobCommand {
  readonly io: Io
  readonly args: readonly string[]
  readonly values: OptionValues
  readonly verbose: boolean
}

const FAILED = 1

/**
 * Finds the job that the first argument names and lets `talk` ask it. Answers the exit code: 1 when the job could not be
 * reached or refused.
 *
 * @throws {EngineError} CONTROL_JOB_NOT_FOUND, CONTROL_JOB_AMBIGUOUS: usage
 */
export async function withJob(
  { io, args, verbose }: JobCommand,
  talk: (client: ControlClient, entry: JobEntry) => Promise<void>,
): Promise<number> {
  const entry = findJob(args[0]!, await listJobs(runtimeDirectories(io.env)))
  let client: ControlClient | undefined
  try {
    client = await ControlClient.connect(entry)
    await talk(client, entry)
    return 0
  } catch (error) {
    printError(io, error, verbose)
    return FAILED
  } finally {
    client?.close()
  }
}
