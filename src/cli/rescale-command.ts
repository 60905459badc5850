import { EngineError } from "../errors/index.ts"
import { type JobCommand, withJob } from "./job-command.ts"

/** `millrace rescale`. @throws {EngineError} CLI_OPTION_INVALID, and as `withJob` */
export async function rescaleCommand(command: JobCommand): Promise<number> {
  const parallelism = Object.fromEntries(command.args.slice(1).map(readAssignment))
  return withJob(command, async (client, { jobName }) => {
    await client.ask("rescale", { parallelism })
    const now = Object.entries(parallelism).map(([operator, each]) => `${operator}=${each}`)
    command.io.stdout.write(`${jobName} runs with ${now.join(" ")}\n`)
  })
}

function readAssignment(text: string): readonly [operator: string, parallelism: number] {
  const match = /^(.+)=(\d+)$/.exec(text)
  if (match !== null && Number(match[2]) >= 1) return [match[1]!, Number(match[2])]
  throw new EngineError(
    "CLI_OPTION_INVALID",
    `Cannot read the command line: ${JSON.stringify(text)} gives no operator its parallelism; write operator=n, such as window-1=4`,
  )
}
