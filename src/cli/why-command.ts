import { type JobCommand, withJob } from "./job-command.ts"

/** Longer than the job waits for its workers. */
const ANSWER_WITHIN_MS = 10_000

/** `millrace why <job> [operator]`. Answers the exit code. @throws as `withJob` */
export function whyCommand(command: JobCommand): Promise<number> {
  const { io, args, values } = command
  return withJob(command, async (client) => {
    const params = args[1] === undefined ? {} : { operator: args[1] }
    const report = await client.ask("why", params, { timeoutMs: ANSWER_WITHIN_MS })
    io.stdout.write(values.format === "json" ? `${JSON.stringify(report, null, 2)}\n` : `${report.text}\n`)
  })
}
