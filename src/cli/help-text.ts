import { type Paint, padEnd, textWidth, wrap } from "./_terminal.ts"
import { type ArgumentSpec, COMMANDS, type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from "./commands.ts"

export interface HelpStyle {
  readonly columns: number
  readonly paint: Paint
}

type Rows = readonly (readonly [string, string])[]

const FIRST_PIPELINE = [
  'import { pipeline } from "millrace"',
  "",
  'export default pipeline("words", ({ source }) => {',
  '  source(["to be or", "not to be"]).flatMap((line) => line.split(" ")).print()',
  "})",
]

/** The help of one command, or of all when none is named. Made from the table in commands.ts; ends in a line feed. */
export function helpText(command: CommandSpec | undefined, style: HelpStyle): string {
  const lines = command === undefined ? overview(style) : commandHelp(command, style)
  return `${lines.join("\n")}\n`
}

function overview(style: HelpStyle): string[] {
  const { paint } = style
  return [
    ...paragraph(
      "millrace runs stream-processing pipelines written in TypeScript or JavaScript on all cores of one machine.",
      style,
    ),
    "",
    title("Usage", style),
    "  millrace <command> [options]",
    "",
    title("Commands", style),
    ...table(
      [
        ...COMMANDS.map((command) => [command.name, command.summary] as const),
        ["help", "Show the help of a command: millrace help run"],
      ],
      style,
    ),
    "",
    title("Options", style),
    ...table(GLOBAL_OPTIONS.map(optionRow), style),
    "",
    title("A first pipeline, as job.ts", style),
    ...FIRST_PIPELINE.map((line) => (line === "" ? "" : `  ${paint("cyan", line)}`)),
    "",
    title("Run it", style),
    `  ${paint("cyan", "npx millrace run job.ts")}`,
  ]
}

function commandHelp(command: CommandSpec, style: HelpStyle): string[] {
  const titled = command.tables.flatMap((section) => ["", title(section.title, style), ...table(section.rows, style)])
  const examples = command.examples.flatMap(({ line, does }) => [
    `  ${style.paint("cyan", line)}`,
    `      ${style.paint("dim", does)}`,
  ])
  return [
    ...command.details.flatMap((text, index) => [...(index === 0 ? [] : [""]), ...paragraph(text, style)]),
    "",
    title("Usage", style),
    `  millrace ${[command.name, ...command.arguments.map(argumentText)].join(" ")} [options]`,
    "",
    title(command.arguments.length === 1 ? "Argument" : "Arguments", style),
    ...table(
      command.arguments.map((argument) => [argumentText(argument), argument.summary]),
      style,
    ),
    "",
    title("Options", style),
    ...table([...command.options, ...GLOBAL_OPTIONS].map(optionRow), style),
    ...titled,
    "",
    title("Examples", style),
    ...examples,
  ]
}

function argumentText({ name, optional, repeated }: ArgumentSpec): string {
  const text = `<${name}>${repeated === true ? "..." : ""}`
  return optional === true ? `[${text}]` : text
}

function optionRow(option: OptionSpec): readonly [string, string] {
  const short = option.short === undefined ? "" : `-${option.short}, `
  const value = option.value === undefined ? "" : ` <${option.value}>`
  const standard = option.default === undefined ? "" : ` Default: ${option.default}.`
  return [`${short}--${option.name}${value}`, option.summary + standard]
}

/** Two columns; where the left one is too wide for its row, the right one begins on the next line. */
function table(rows: Rows, { columns }: HelpStyle): string[] {
  const left = Math.min(26, Math.max(...rows.map(([name]) => textWidth(name)))) + 4
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, Math.max(20, columns - left))
    const tooWide = textWidth(name) + 4 > left
    const first = tooWide ? [`  ${name}`] : [`${padEnd(`  ${name}`, left)}${lines.shift() ?? ""}`]
    return [...first, ...lines.map((line) => " ".repeat(left) + line)]
  })
}

function paragraph(text: string, { columns }: HelpStyle): string[] {
  return wrap(text, columns)
}

function title(text: string, { paint }: HelpStyle): string {
  return paint("bold", text)
}
