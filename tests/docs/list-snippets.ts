import type { Block, Page } from "./read-page.ts"

/** One `ts` block of a page, with the files it finds beside itself and what must come of it. */
export interface Snippet {
  /** `docs/guide.md:120` */
  readonly place: string
  readonly file: string
  readonly kind: "pipeline" | "script" | "shown only"
  /** Files of the page up to here, itself included, by name. */
  readonly files: ReadonlyMap<string, SampleFile>
  readonly expected: readonly Expectation[]
}

/** `sql` is a query whose rows make a Parquet file. */
export type SampleFile = { readonly text: string } | { readonly sql: string }

/**
 * What a block after the snippet says of its run.
 * - `output`: the printed lines; in any order when several workers print
 * - `error`: code and message of the failure
 * - `plan`: the plan for two workers, as the command shows it
 * - `written`: the lines of all files in a folder, in any order
 */
export interface Expectation {
  readonly what: "output" | "error" | "plan" | "written"
  readonly folder: string
  readonly block: Block
}

/**
 * The snippets of a page, in order. Fences read as follows:
 *
 * - ` ```ts ` is run: with `export default pipeline(` as a job called job.ts, without as a script
 * - ` ```ts name.ts ` likewise, under that name; later snippets of the page can import it
 * - ` ```ts no-run ` and ` ```ts name.ts no-run ` are only compiled
 * - ` ```jsonl data.ndjson `, or any other language and file name, is a file that later snippets find beside them
 * - ` ```sql flights.parquet ` is a query whose rows make that file
 * - ` ```text output `, `error`, `plan` and `written <folder>` say what the snippet before them does
 */
export function listSnippets(page: Page): Snippet[] {
  const files = new Map<string, SampleFile>()
  const snippets: (Omit<Snippet, "expected"> & { readonly expected: Expectation[] })[] = []
  for (const block of page.blocks) {
    const place = `${page.path}:${block.line}`
    const [word = "", ...rest] = block.info.split(" ")
    if (block.language === "ts") {
      const isPipeline = block.text.includes("export default pipeline(")
      const shownOnly = block.info.split(" ").includes("no-run")
      const file = isFileName(word) ? word : isPipeline ? "job.ts" : "script.ts"
      const kind = shownOnly ? "shown only" : isPipeline ? "pipeline" : "script"
      const own = new Map(files).set(file, { text: block.text })
      snippets.push({ place, file, kind, files: own, expected: [] })
      if (isFileName(word) || (isPipeline && !shownOnly)) files.set(file, { text: block.text })
    } else if (word === "output" || word === "error" || word === "plan" || word === "written") {
      const last = snippets.at(-1)
      if (last === undefined) throw new Error(`${place}: there is no snippet before this block`)
      last.expected.push({ what: word, folder: rest.join(" "), block })
    } else if (isFileName(word)) {
      files.set(word, block.language === "sql" ? { sql: block.text } : { text: `${block.text}\n` })
    } else if (block.info !== "") {
      throw new Error(`${place}: what does ${JSON.stringify(block.info)} mean? See list-snippets.ts`)
    }
  }
  return snippets
}

function isFileName(word: string): boolean {
  return /^[\w/-]+\.\w+$/.test(word)
}
