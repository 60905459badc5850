import { describe, expect, it } from "vitest"
import { plain, textWidth } from "./_terminal.ts"
import { COMMANDS, GLOBAL_OPTIONS } from "./commands.ts"
import { helpText } from "./help-text.ts"
import { parseCommandLine } from "./parse-command-line.ts"

const style = { columns: 100, paint: plain }

describe("helpText()", () => {
  it("names every command and global option", () => {
    const text = helpText(undefined, style)
    for (const { name, summary } of COMMANDS) {
      expect(text).toContain(`  ${name} `)
      expect(text).toContain(summary)
    }
    for (const { name } of GLOBAL_OPTIONS) expect(text).toContain(`--${name}`)
  })

  it.each(COMMANDS)("of $name has every option with its default, every exit code and every example", (command) => {
    const text = helpText(command, style)
    const words = text.replaceAll(/\s+/g, " ")
    expect(text).toMatch(new RegExp(`millrace ${command.name} .*\\[options\\]`))
    for (const argument of command.arguments) {
      expect(text).toContain(`<${argument.name}>`)
      expect(words).toContain(argument.summary)
    }
    for (const option of [...command.options, ...GLOBAL_OPTIONS]) {
      expect(text).toContain(`--${option.name}${option.value === undefined ? "" : ` <${option.value}>`}`)
      expect(words).toContain(option.summary)
      if (option.default !== undefined) expect(words).toContain(`Default: ${option.default}.`)
    }
    for (const table of command.tables)
      for (const [left, right] of table.rows) expect(words).toContain(`${left} ${right}`)
    for (const { line } of command.examples) expect(text).toContain(line)
  })

  it.each(COMMANDS)("of $name shows examples that parse", (command) => {
    for (const { line } of command.examples) {
      const [program, ...args] = line.replace(/ > .*$/, "").split(" ")
      expect(program).toBe("millrace")
      expect(parseCommandLine(args)).toMatchObject({ kind: "command", command })
    }
  })

  it.each([60, 80, 100])("keeps to %d columns, but for lines to be copied", (columns) => {
    for (const command of COMMANDS) {
      const copied = new Set(command.examples.map((example) => `  ${example.line}`))
      for (const line of helpText(command, { columns, paint: plain }).split("\n")) {
        if (!copied.has(line)) expect(textWidth(line), line).toBeLessThanOrEqual(columns)
      }
    }
  })
})
