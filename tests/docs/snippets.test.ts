/**
 * Every TypeScript snippet of the pages compiles and does what the page says. list-snippets.ts tells how fences are read.
 * MILLRACE_DOCS_UPDATE=1 writes what the snippets did into the pages, to be looked at before it is committed.
 */
import { execFileSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { DuckDBInstance } from "@duckdb/node-api"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Expectation, listSnippets, type Snippet } from "./list-snippets.ts"
import { readPage } from "./read-page.ts"
import { linesIn, type Outcome, planOf, runSnippet } from "./run-snippet.ts"

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..")
const UPDATE = (process.env.MILLRACE_DOCS_UPDATE ?? "") !== ""
const home = realpathSync(mkdtempSync(join(tmpdir(), "millrace-docs-")))
const pages = ["README.md", ...readdirSync(join(ROOT, "docs")).map((name) => join("docs", name))]
  .filter((path) => path.endsWith(".md"))
  .map((path) => ({ path, snippets: listSnippets(readPage(join(ROOT, path))) }))
const folders = new Map<Snippet, string>()

beforeAll(async () => {
  // What pages tell their readers to install beside millrace.
  mkdirSync(join(home, "node_modules"), { recursive: true })
  symlinkSync(join(ROOT, "node_modules/fast-check"), join(home, "node_modules/fast-check"), "dir")
  for (const { path, snippets } of pages) {
    for (const [index, snippet] of snippets.entries()) {
      const folder = join(home, path.replaceAll(/\W/g, "-"), String(index))
      folders.set(snippet, folder)
      await writeFiles(snippet, folder)
    }
  }
})

afterAll(() => rmSync(home, { recursive: true, force: true }))

test("the snippets compile under the strict options", () => {
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023", "esnext.disposable"],
    module: "nodenext",
    moduleResolution: "nodenext",
    moduleDetection: "force",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
    paths: {
      millrace: [join(ROOT, "dist/index.d.ts")],
      "millrace/*": [join(ROOT, "dist/connectors/*/index.d.ts"), join(ROOT, "dist/*/index.d.ts")],
    },
  }
  writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["**/*.ts"] }))
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc")
  const complaints = run(process.execPath, [tsc, "-p", home, "--pretty", "false"])
  expect(complaints.map(asPlace)).toEqual([])
})

for (const { path, snippets } of pages) {
  const running = snippets.filter((snippet) => snippet.kind !== "shown only")
  describe.runIf(running.length > 0)(path, () => {
    for (const snippet of running) {
      test(`${relative(ROOT, snippet.place)} does what the page says`, async () => {
        const folder = folders.get(snippet)!
        const outcome = await runSnippet(snippet, folder)
        const isFailureExpected = snippet.expected.some(({ what }) => what === "error")
        if (!isFailureExpected) expect(outcome.error).toBeUndefined()
        for (const expectation of snippet.expected) {
          const found = comparable(snippet, expectation, await foundFor(expectation, outcome, snippet, folder))
          const expected = comparable(snippet, expectation, linesOf(expectation.block.text))
          if (UPDATE && String(found) !== String(expected)) update(snippet, expectation, found)
          else expect(found).toEqual(expected)
        }
      })
    }
  })
}

/**
 * What several subtasks print or write comes in any order. A message is one long line, which the page may break, and which
 * subtask met the record is chance.
 */
function comparable(snippet: Snippet, { what }: Expectation, lines: readonly string[]): readonly string[] {
  if (what === "error")
    return [
      lines[0] ?? "",
      lines
        .slice(1)
        .join(" ")
        .replaceAll(/subtask \d+/g, "subtask 0"),
    ]
  const anyOrder = what === "written" || (what === "output" && snippet.kind === "pipeline")
  return anyOrder ? lines.toSorted() : lines
}

async function foundFor(
  { what, folder: name }: Expectation,
  outcome: Outcome,
  snippet: Snippet,
  folder: string,
): Promise<readonly string[]> {
  switch (what) {
    case "output":
      return outcome.output
    case "error":
      return outcome.error ?? ["it did not fail"]
    case "plan":
      return planOf(snippet, folder)
    case "written":
      return linesIn(join(folder, name))
  }
}

async function writeFiles({ files }: Snippet, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), '{"type":"module"}')
  for (const [name, file] of files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    if ("text" in file) writeFileSync(path, file.text)
    else await writeParquet(path, file.sql)
  }
}

async function writeParquet(path: string, query: string): Promise<void> {
  const instance = await DuckDBInstance.create()
  try {
    const connection = await instance.connect()
    await connection.run(`COPY (${query.replace(/;\s*$/, "")}) TO '${path}' (FORMAT parquet)`)
  } finally {
    instance.closeSync()
  }
}

/** @returns the lines a command that failed has printed, none when it did not fail */
function run(command: string, args: readonly string[]): string[] {
  try {
    execFileSync(command, args, { encoding: "utf8", cwd: home })
    return []
  } catch (thrown) {
    return (thrown as { stdout: string }).stdout.trimEnd().split("\n")
  }
}

/** A complaint of the compiler with the place in the page it is about. */
function asPlace(complaint: string): string {
  const match = /^(?<file>[^(]+)\((?<line>\d+),/.exec(complaint)
  if (match?.groups === undefined) return complaint
  const folder = dirname(join(home, match.groups.file!))
  const snippet = [...folders].find(([, each]) => each === folder)?.[0]
  return `${snippet === undefined ? "" : relative(ROOT, snippet.place)} ${complaint}`
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.split("\n")
}

/** Puts what was found in place of the block's text. Looks for the block behind the snippet: pages repeat their fences. */
function update({ place, file, files }: Snippet, { block }: Expectation, found: readonly string[]): void {
  const path = place.replace(/:\d+$/, "")
  const text = readFileSync(path, "utf8")
  const own = files.get(file)!
  const from = "text" in own ? text.indexOf(own.text) : 0
  const fence = `\`\`\`${block.language} ${block.info}\n`
  const at = text.indexOf(`${fence}${block.text === "" ? "" : `${block.text}\n`}\`\`\``, from) + fence.length
  if (from < 0 || at < fence.length) throw new Error(`${place}: the block to update is not found`)
  writeFileSync(
    path,
    `${text.slice(0, at)}${found.flatMap(broken).join("\n")}\n${text.slice(at + block.text.length + (block.text === "" ? 0 : 1))}`,
  )
}

/** A long line, as several. */
function broken(line: string): readonly string[] {
  return line.length <= 118
    ? [line]
    : line
        .replaceAll(/(\S.{0,116}\S)(?: |$)/g, "$1\n")
        .trimEnd()
        .split("\n")
}
