import { readFileSync } from "node:fs"

/** A fenced block of a page: ` ```ts job.ts ` has the language `ts` and the info `job.ts`. */
export interface Block {
  readonly language: string
  readonly info: string
  readonly text: string
  /** Line of the page on which its text begins, from 1. */
  readonly line: number
}

export interface Page {
  readonly path: string
  /** The page without its fenced blocks. */
  readonly prose: string
  readonly blocks: readonly Block[]
}

/** Reads a Markdown page: its fenced blocks, and the prose between them. Fences within lists are not looked for. */
export function readPage(path: string): Page {
  const prose: string[] = []
  const blocks: Block[] = []
  let open: { language: string; info: string; line: number; lines: string[] } | undefined
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    const fence = /^```(\S*)\s*(.*)$/.exec(line)
    if (fence !== null && open === undefined) {
      open = { language: fence[1]!, info: fence[2]!.trim(), line: index + 2, lines: [] }
    } else if (fence !== null && open !== undefined) {
      blocks.push({ language: open.language, info: open.info, line: open.line, text: open.lines.join("\n") })
      open = undefined
    } else if (open !== undefined) {
      open.lines.push(line)
    } else {
      prose.push(line)
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line - 1}: a fenced block is not closed`)
  return { path, prose: prose.join("\n"), blocks }
}
