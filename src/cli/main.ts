import { readFileSync } from "node:fs"
import { painter } from "./_terminal.ts"
import { helpText } from "./help-text.ts"
import { type Io, processIo } from "./io.ts"
import { type CommandLine, parseCommandLine } from "./parse-command-line.ts"
import { printError } from "./print-error.ts"

const USAGE = 2
const HELP_COLUMNS_MAX = 100

/**
 * The millrace command.
 *
 * @param args what follows the name of the command
 * @returns the exit code; never throws
 */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  const debug = io.env.MILLRACE_DEBUG
  const verbose = args.includes("--verbose") || (debug !== undefined && debug !== "" && debug !== "0")
  try {
    return await execute(parseCommandLine(args), io, verbose)
  } catch (thrown) {
    printError(io, thrown, verbose)
    return USAGE
  }
}

async function execute(line: CommandLine, io: Io, verbose: boolean): Promise<number> {
  switch (line.kind) {
    case "version":
      io.stdout.write(`${engineVersion()}\n`)
      return 0
    case "help": {
      const columns = Math.min(io.stdout.columns ?? HELP_COLUMNS_MAX, HELP_COLUMNS_MAX)
      io.stdout.write(helpText(line.command, { columns, paint: painter(io.stdout, io.env) }))
      return 0
    }
    case "command":
      return executeCommand(line, io, verbose)
  }
}

async function executeCommand(line: CommandLine & { kind: "command" }, io: Io, verbose: boolean): Promise<number> {
  const { args, values } = line
  // Only now: help and mistakes on the command line need no engine, and one command not what another does.
  switch (line.command.name) {
    case "plan": {
      const [{ describePlan }, { planCommand }] = await Promise.all([
        import("../actors/index.ts"),
        import("./plan-command.ts"),
      ])
      await planCommand({ io, describePlan, file: args[0]!, values })
      return 0
    }
    case "prove": {
      const [{ loadModule, loadPipeline }, { proveCommand }] = await Promise.all([
        import("../actors/load-pipeline.ts"),
        import("./prove-command.ts"),
      ])
      const load = async (target: URL) => ({ pipeline: await loadPipeline(target), module: await loadModule(target) })
      return proveCommand({ io, load, file: args[0]!, values })
    }
    case "status":
      return (await import("./status-command.ts")).statusCommand({ io, args, values, verbose })
    case "why":
      return (await import("./why-command.ts")).whyCommand({ io, args, values, verbose })
    case "inspect":
      return (await import("./inspect-command.ts")).inspectCommand({ io, directory: args[0]!, values })
    case "savepoint":
      return (await import("./savepoint-command.ts")).savepointCommand({ io, args, values, verbose })
    case "rescale":
      return (await import("./rescale-command.ts")).rescaleCommand({ io, args, values, verbose })
    case "stop":
    case "cancel":
      return (await import("./end-command.ts")).endCommand({ io, args, values, verbose }, line.command.name)
    default: {
      const { isSupervised, supervise } = await import("./supervise.ts")
      if (isSupervised(values, io.env)) return supervise(line.all, { io, values })
      const [{ run }, { runCommand }] = await Promise.all([import("../actors/index.ts"), import("./run-command.ts")])
      return runCommand({ io, run, file: args[0]!, values, verbose })
    }
  }
}

function engineVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string
  }
  return manifest.version
}
