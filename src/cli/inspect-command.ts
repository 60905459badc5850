import { resolve } from "node:path"
import { inspect, plainJson } from "../actors/inspect.ts"
import { painter } from "./_terminal.ts"
import { inspectLines } from "./inspect-text.ts"
import type { Io } from "./io.ts"
import type { OptionValues } from "./parse-command-line.ts"

const DAMAGED = 1

/** `millrace inspect`. Answers the exit code: 1 when something is damaged. @throws as `inspect` */
export async function inspectCommand({
  io,
  directory,
  values,
}: {
  readonly io: Io
  readonly directory: string
  readonly values: OptionValues
}): Promise<number> {
  const { samples, operator, key, checkpoint } = values
  const reports = await inspect({
    directory: resolve(directory),
    ...(typeof samples === "number" ? { samples } : {}),
    ...(typeof operator === "string" ? { operatorId: operator } : {}),
    ...(typeof key === "string" ? { key } : {}),
    ...(typeof checkpoint === "number" ? { checkpointId: checkpoint } : {}),
  })
  const text =
    values.format === "json"
      ? JSON.stringify(reports, plainJson, 2)
      : reports.map((report) => inspectLines(report, painter(io.stdout, io.env)).join("\n")).join("\n\n")
  io.stdout.write(`${text}\n`)
  const isDamaged = reports.some(
    ({ problems, checkpoints }) => problems.length > 0 || checkpoints.some((each) => each.problems.length > 0),
  )
  return isDamaged ? DAMAGED : 0
}
