import { parseArgs } from "node:util"
import { closest, EngineError } from "../errors/index.ts"
import { type Duration, durationMs } from "../time/index.ts"
import { COMMANDS, type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from "./commands.ts"

export type CommandLine =
  | { readonly kind: "help"; readonly command: CommandSpec | undefined }
  | { readonly kind: "version" }
  | {
      readonly kind: "command"
      readonly command: CommandSpec
      /** Positional arguments, in the order of the command's. */
      readonly args: readonly string[]
      /** The whole command line. */
      readonly all: readonly string[]
      readonly values: OptionValues
    }

/** By option name. Integers and durations (in ms) are numbers, assignments pairs in the order given; absent when not given. */
export type OptionValues = Readonly<Record<string, OptionValue>>
export type OptionValue = boolean | number | string | readonly Assignment[]
export type Assignment = readonly [name: string, value: string]

/**
 * Reads the arguments after `node millrace`.
 *
 * @throws {EngineError} CLI_COMMAND_UNKNOWN, CLI_OPTION_UNKNOWN, CLI_OPTION_INVALID, CLI_ARGUMENT_MISSING, CLI_ARGUMENT_EXTRA
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const position = args.findIndex((arg) => !arg.startsWith("-"))
  const name = args[position]
  if (name === undefined) return parseGlobal(args)
  const rest = args.toSpliced(position, 1)
  if (name === "help") {
    const topic = rest.find((arg) => !arg.startsWith("-"))
    return { kind: "help", command: topic === undefined ? undefined : findCommand(topic) }
  }
  const command = findCommand(name)
  const { positionals, values } = parseOptions(rest, [...command.options, ...GLOBAL_OPTIONS], command.name)
  if (values.help === true) return { kind: "help", command }
  if (values.version === true) return { kind: "version" }
  checkArguments(command, positionals)
  return { kind: "command", command, args: positionals, all: args, values }
}

function parseGlobal(args: readonly string[]): CommandLine {
  const { values } = parseOptions(args, GLOBAL_OPTIONS, undefined)
  return values.version === true && values.help !== true ? { kind: "version" } : { kind: "help", command: undefined }
}

function checkArguments(command: CommandSpec, given: readonly string[]): void {
  const missing = command.arguments.filter(({ optional }) => optional !== true)[given.length]
  if (missing !== undefined) {
    throw refuse("CLI_ARGUMENT_MISSING", `it names no ${missing.name}; write \`${exampleOf(command)}\``)
  }
  const extra = given[command.arguments.length]
  if (extra === undefined || command.arguments.at(-1)?.repeated === true) return
  const names = command.arguments.map(({ name }) => name).join(" and one ")
  throw refuse(
    "CLI_ARGUMENT_EXTRA",
    `\`${command.name}\` takes one ${names}, and ${JSON.stringify(extra)} is one more; leave it out`,
  )
}

function exampleOf(command: CommandSpec): string {
  return command.examples[0]!.line
}

function findCommand(name: string): CommandSpec {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command !== undefined) return command
  if (/\.[cm]?[jt]s$/.test(name)) {
    throw refuse("CLI_COMMAND_UNKNOWN", `${JSON.stringify(name)} is no command; did you mean \`millrace run ${name}\`?`)
  }
  const near = closest(
    name,
    COMMANDS.map((candidate) => candidate.name),
  )
  const remedy = near === undefined ? "`millrace --help` lists them" : `did you mean \`millrace ${near}\`?`
  throw refuse("CLI_COMMAND_UNKNOWN", `there is no command ${JSON.stringify(name)}; ${remedy}`)
}

function parseOptions(
  args: readonly string[],
  specs: readonly OptionSpec[],
  commandName: string | undefined,
): { readonly positionals: readonly string[]; readonly values: OptionValues } {
  // Not strict: its messages know neither our commands nor what was nearly meant.
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      specs.map(({ name, short, kind }) => [
        name,
        {
          type: kind.type === "flag" ? ("boolean" as const) : ("string" as const),
          ...(short === undefined ? {} : { short }),
        },
      ]),
    ),
  })
  const positionals: string[] = []
  const values: Record<string, OptionValue> = {}
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value)
    if (token.kind !== "option") continue
    const spec = specs.find((candidate) => candidate.name === token.name)
    if (spec === undefined) throw unknownOption(token.rawName, token.name, specs, commandName)
    const value = readValue(spec, token.value, token.inlineValue === true)
    const given = values[spec.name]
    values[spec.name] = Array.isArray(value) && Array.isArray(given) ? [...given, ...value] : value
  }
  return { positionals, values }
}

function unknownOption(
  raw: string,
  name: string,
  specs: readonly OptionSpec[],
  commandName: string | undefined,
): EngineError {
  const near = closest(
    name,
    specs.map((spec) => spec.name),
  )
  const subject = commandName === undefined ? "there is no option" : `\`${commandName}\` has no option`
  const help = commandName === undefined ? "`millrace --help`" : `\`millrace ${commandName} --help\``
  return refuse(
    "CLI_OPTION_UNKNOWN",
    `${subject} ${raw}; ${near === undefined ? `${help} lists them` : `did you mean --${near}?`}`,
  )
}

function readValue(spec: OptionSpec, text: string | undefined, inline: boolean): OptionValue {
  const { kind } = spec
  if (kind.type === "flag") {
    if (text !== undefined) throw invalid(spec, text, "it takes no value")
    return true
  }
  // `--workers --quiet`: the next option is not the value.
  if (text === undefined || text === "" || (!inline && /^--?[a-z]/i.test(text))) {
    throw refuse("CLI_OPTION_INVALID", `--${spec.name} has no value; write --${spec.name} ${spec.value ?? "value"}`)
  }
  switch (kind.type) {
    case "integer": {
      const value = Number(text)
      if (!/^[+-]?\d+$/.test(text) || value < kind.min || value > kind.max) {
        throw invalid(spec, text, `give a whole number from ${kind.min} to ${kind.max}`)
      }
      return value
    }
    case "duration": {
      const ms = readDuration(spec, text)
      if (ms < kind.minMs) throw invalid(spec, text, `give at least ${kind.minMs}ms`)
      return ms
    }
    case "choice": {
      if (kind.choices.includes(text)) return text
      const near = closest(text, kind.choices)
      throw invalid(
        spec,
        text,
        `${near === undefined ? "" : `did you mean ${near}? `}give one of ${kind.choices.join(", ")}`,
      )
    }
    case "text":
      if (text === "") throw invalid(spec, text, `write --${spec.name} ${spec.value}`)
      return text
    case "assignment": {
      const at = text.indexOf("=")
      if (at <= 0) throw invalid(spec, text, `write --${spec.name} ${spec.value}`)
      return [[text.slice(0, at), text.slice(at + 1)]]
    }
  }
}

function readDuration(spec: OptionSpec, text: string): number {
  try {
    return durationMs((/^\d+$/.test(text) ? Number(text) : text) as Duration, `--${spec.name}`)
  } catch (cause) {
    throw invalid(spec, text, "give a number with one of the units ms, s, m, h, d, such as 500ms or 1s", cause)
  }
}

function invalid(spec: OptionSpec, text: string, remedy: string, cause?: unknown): EngineError {
  return refuse("CLI_OPTION_INVALID", `--${spec.name} cannot be ${JSON.stringify(text)}; ${remedy}`, cause)
}

function refuse(code: string, found: string, cause?: unknown): EngineError {
  return new EngineError(code, `Cannot read the command line: ${found}`, cause === undefined ? {} : { cause })
}
