import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { bugsIn } from "./_names.ts"

const HERE = new URL("./", import.meta.url)
const ID = String.raw`(?:[A-Z]+-\d+|[\w./-]+ #\d+)`
const TITLE = new RegExp(String.raw`"(${ID}(?:, (?:${ID}|#\d+))*): `, "g")

/** Bugs that tests are named after, in the order of files. */
function bugsTested(): string[] {
  const files = readdirSync(HERE).filter((name) => name.endsWith(".test.ts"))
  return files.flatMap((name) =>
    [...readFileSync(new URL(name, HERE), "utf8").matchAll(TITLE)].flatMap(([, bugs]) => bugsIn(bugs!)),
  )
}

/** Rows of the table of bugs. */
function rows(): { readonly bugs: readonly string[]; readonly isImpossible: boolean }[] {
  const readme = readFileSync(new URL("../README.md", HERE), "utf8")
  const section = /## Bugs of other engines\n([\s\S]*?)\n## /.exec(readme)![1]!
  return section
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) => line.split(" | "))
    .map(([bugs, , where]) => ({
      bugs: bugsIn(bugs!.slice(2)),
      isImpossible: where!.startsWith("cannot exist here: "),
    }))
}

describe("the table of other engines' bugs", () => {
  it("has each bug once", () => {
    const all = rows().flatMap(({ bugs }) => bugs)
    expect(all.filter((bug, index) => all.indexOf(bug) !== index)).toEqual([])
    expect(all.length).toBeGreaterThan(100)
  })

  it("names a test for each that can exist here, and for no other", () => {
    const possible = rows().flatMap(({ bugs, isImpossible }) => (isImpossible ? [] : bugs))
    expect([...new Set(bugsTested())].sort()).toEqual([...possible].sort())
  })
})
