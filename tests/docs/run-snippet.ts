import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { format } from "node:util"
import { loadModule } from "../../dist/actors/load-pipeline.js"
import { describePlan } from "../../dist/actors/run.js"
import { planText } from "../../dist/cli/plan-text.js"
import { run } from "../../dist/index.js"
import type { Snippet } from "./list-snippets.ts"

const WORKERS = 2

/** What a snippet did. */
export interface Outcome {
  readonly output: readonly string[]
  /** Code, then message; undefined when it ended well. */
  readonly error: readonly string[] | undefined
}

/** Runs a snippet in the folder that holds its files: pipelines on two worker threads, scripts here. */
export async function runSnippet(snippet: Snippet, folder: string): Promise<Outcome> {
  const back = process.cwd()
  process.chdir(folder)
  const printed: string[] = []
  const release = capturePrints((text) => printed.push(text))
  try {
    if (snippet.kind === "pipeline") await (await run(join(folder, snippet.file), { workers: WORKERS })).done
    else await loadModule(join(folder, snippet.file))
    return { output: linesOf(printed), error: undefined }
  } catch (thrown) {
    const { code, message, stack } = thrown as Error & { code?: string }
    return { output: linesOf(printed), error: [String(code ?? stack), message] }
  } finally {
    release()
    process.chdir(back)
  }
}

/** The plan of a pipeline as `millrace plan` shows it. */
export async function planOf(snippet: Snippet, folder: string): Promise<readonly string[]> {
  const plan = await describePlan(join(folder, snippet.file), { workers: WORKERS })
  return planText(plan, (_format, text) => text)
    .trimEnd()
    .split("\n")
}

/** The lines of all files in a folder that a reader of it would see. */
export function linesIn(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => !name.startsWith("."))
  return linesOf(names.map((name) => readFileSync(join(folder, name), "utf8")))
}

function capturePrints(take: (text: string) => void): () => void {
  const { log } = console
  const { write } = process.stdout
  console.log = (...values) => take(`${format(...values)}\n`)
  process.stdout.write = ((text: string) => {
    take(text)
    return true
  }) as typeof process.stdout.write
  return () => {
    console.log = log
    process.stdout.write = write
  }
}

function linesOf(texts: readonly string[]): string[] {
  const text = texts.join("").trimEnd()
  return text === "" ? [] : text.split("\n")
}
