import { ControlClient, type JobEntry, listJobs, runtimeDirectories, type StatusReport } from "../control/index.ts"
import { type Paint, painter } from "./_terminal.ts"
import { type JobCommand, withJob } from "./job-command.ts"
import { statusLines, statusTable } from "./status-text.ts"

const ANSWER_WITHIN_MS = 5_000

/** `millrace status [job]`. Answers the exit code. @throws as `withJob` */
export async function statusCommand(command: JobCommand): Promise<number> {
  const { io, args, values } = command
  const json = values.format === "json"
  const paint = painter(io.stdout, io.env)
  const show = (value: unknown, lines: (paint: Paint) => readonly string[]): void =>
    io.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${lines(paint).join("\n")}\n`)
  if (args[0] !== undefined) {
    return withJob(command, async (client) => {
      const report = await client.ask("status", {}, { timeoutMs: ANSWER_WITHIN_MS })
      show(report, (style) => statusLines(report, style))
    })
  }
  const reports = await Promise.all((await listJobs(runtimeDirectories(io.env))).map(reportOf))
  show(
    reports.map(
      ({ entry, report }) => report ?? { jobName: entry.jobName, runId: entry.runId, pid: entry.pid, status: "silent" },
    ),
    (style) => statusTable(reports, style),
  )
  return 0
}

/** A job that does not answer is listed all the same. */
async function reportOf(entry: JobEntry): Promise<{ readonly entry: JobEntry; readonly report?: StatusReport }> {
  let client: ControlClient | undefined
  try {
    client = await ControlClient.connect(entry)
    return { entry, report: await client.ask("status", {}, { timeoutMs: ANSWER_WITHIN_MS }) }
  } catch {
    return { entry }
  } finally {
    client?.close()
  }
}
