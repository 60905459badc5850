/** What the pages list is what there is: error codes, links, folders, options. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
// @ts-expect-error A script without types.
import { cliDoc } from "../../scripts/generate-cli-doc.mjs"
import { readPage } from "./read-page.ts"

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..")
const PAGES = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md"],
  ...readdirSync(join(ROOT, "docs"), { recursive: true })
    .map((name) => join("docs", String(name)))
    .filter((path) => path.endsWith(".md")),
]

/** Texts in src/ that look like codes of ours and are those of others: of Node, and of the Parquet format. */
const FOREIGN =
  /^(?:ERR_.*|MODULE_NOT_FOUND|BYTE_ARRAY|FIXED_LEN_BYTE_ARRAY|DATA_PAGE|DATA_PAGE_V2|DICTIONARY_PAGE|PLAIN_DICTIONARY|RLE_DICTIONARY|TIMESTAMP_MICROS|TIMESTAMP_MILLIS|UINT_64)$/

describe("docs/errors.md", () => {
  const text = readFileSync(join(ROOT, "docs/errors.md"), "utf8")
  const listed = [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map((match) => match[1]!)

  test("lists every error code of src/, and no other", () => {
    expect([...new Set(listed)].sort()).toEqual(codesInSource())
  })

  test("lists no code twice", () => {
    expect(listed.filter((code, index) => listed.indexOf(code) !== index)).toEqual([])
  })
})

describe.each(PAGES)("%s", (path) => {
  const { prose } = readPage(join(ROOT, path))

  test("links to files and headings that exist", () => {
    const targets = [...prose.matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)].map((match) => match[1]!)
    expect(targets.filter((target) => !leadsSomewhere(path, target))).toEqual([])
  })
})

test("CONTRIBUTING.md has every folder of src/", () => {
  const folders = readdirSync(join(ROOT, "src"), { recursive: true })
    .map((name) => String(name).split(sep))
    .filter((path) => path.length > 1 && path.at(-1) === "index.ts")
    .map((path) => path[0]!)
  const listed = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8").matchAll(/^\| `src\/(\w+)\/`/gm)
  const rows = new Set([...listed].map((match) => match[1]))
  expect(folders.filter((folder) => !rows.has(folder))).toEqual([])
})

test("docs/cli.md is what scripts/generate-cli-doc.mjs writes", () => {
  expect(readFileSync(join(ROOT, "docs/cli.md"), "utf8")).toBe((cliDoc as () => string)())
})

/** Every text in the engine's sources that has the shape of a code. */
function codesInSource(): string[] {
  const codes = new Set<string>()
  for (const name of readdirSync(join(ROOT, "src"), { recursive: true }).map(String)) {
    if (!name.endsWith(".ts") || /\.test(?:-d)?\.ts$|_fixtures\.ts$/.test(name)) continue
    const text = readFileSync(join(ROOT, "src", name), "utf8")
    for (const [, code] of text.matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g)) {
      if (!FOREIGN.test(code!)) codes.add(code!)
    }
  }
  return [...codes].sort()
}

function leadsSomewhere(from: string, target: string): boolean {
  const [file = "", heading] = target.split("#")
  const path = file === "" ? join(ROOT, from) : join(ROOT, dirname(from), file)
  if (relative(ROOT, path).startsWith("..") || !existsSync(path)) return false
  return heading === undefined || headingsOf(path).includes(heading)
}

/** As GitHub names them. */
function headingsOf(path: string): string[] {
  return [...readPage(path).prose.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  )
}
