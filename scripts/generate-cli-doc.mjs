// Writes docs/cli.md from the help texts of the command. Needs dist/: npm run build
//
//   node scripts/generate-cli-doc.mjs
import { writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { COMMANDS } from "../dist/cli/commands.js"
import { helpText } from "../dist/cli/help-text.js"

const PAGE = join(dirname(fileURLToPath(import.meta.url)), "../docs/cli.md")
const COLUMNS = 100

/** The page as the help texts have it now. */
export function cliDoc() {
  return `${[
    "# The command",
    "",
    "<!-- Written by scripts/generate-cli-doc.mjs from the help texts: change those, not this page. -->",
    "",
    ...fenced(undefined),
    ...COMMANDS.flatMap((command) => ["", `## millrace ${command.name}`, "", ...fenced(command)]),
    "",
    "## Exit codes",
    "",
    ...table([
      ["code", ...COMMANDS.map(({ name }) => `\`${name}\``)],
      ...exitCodes().map((code) => [code, ...COMMANDS.map((command) => meaning(command, code))]),
    ]),
    "",
    "## Environment",
    "",
    ...table([
      ["variable", ""],
      ["`MILLRACE_RUNTIME_DIR`", "where running jobs are found, in place of the user's runtime directory"],
      ["`MILLRACE_SUPERVISOR`", "`off`: no process of its own for the engine"],
      ["`MILLRACE_DEBUG`", "`1` is `--verbose`"],
      ["`NO_COLOR`, `FORCE_COLOR`", "no colours; colours also where the output is no terminal"],
    ]),
  ].join("\n")}\n`
}

function fenced(command) {
  return ["```text", helpText(command, { columns: COLUMNS, paint: (_format, text) => text }).trimEnd(), "```"]
}

/** Columns as wide as their widest cell: the page is as the formatter would have it. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`
  return [line(rows[0]), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)]
}

function exitCodes() {
  const codes = COMMANDS.flatMap((command) => exitRows(command).map(([code]) => code))
  return [...new Set(codes)].sort((a, b) => Number(a) - Number(b))
}

function meaning(command, code) {
  return exitRows(command).find(([each]) => each === code)?.[1] ?? ""
}

function exitRows(command) {
  return command.tables.find(({ title }) => title === "Exit codes")?.rows ?? []
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(PAGE, cliDoc())
}
