import { run } from "millrace"
import { Corpus } from "./corpus.ts"
import { BidCursor } from "./cursor.ts"
import { TWINS } from "./queries/index.ts"
import { NEXMARK } from "./query-params.ts"
import { RowText } from "./row.ts"

export interface QueryRun {
  readonly workers: number
  readonly parallelism: number
}

/** The final rows of a query, as lines: of updates the last of each key. */
export async function linesOf(query: string, corpus: SharedArrayBuffer, options: QueryRun): Promise<string[]> {
  const params = { ...NEXMARK, corpus, collect: true }
  const job = await run(new URL(`./queries/${query}.ts`, import.meta.url), { ...options, params })
  const { collected, metrics } = await job.done
  if (metrics.late > 0) throw new Error(`${query}: ${metrics.late} records were late`)
  const final = new Map<unknown, string>()
  for (const { key, line } of collected.rows as readonly { key: unknown; line: string }[]) {
    final.set(key ?? final.size, line)
  }
  return [...final.values()]
}

/** The final rows of the hand-written program, as lines. */
export function twinLines(query: string, buffer: SharedArrayBuffer): string[] {
  const corpus = new Corpus(buffer)
  const text = new RowText()
  const final = new Map<unknown, string>()
  let open: { readonly key: unknown } | undefined
  const taken = (): void => {
    if (open !== undefined) final.set(open.key ?? final.size, text.take())
  }
  const begin = (key?: number): RowText => {
    taken()
    open = { key }
    return text
  }
  TWINS[query]!(new BidCursor(buffer, corpus.offsetOf(0), corpus.end), { begin })
  taken()
  return [...final.values()]
}
