import { type FileHandle, open } from "node:fs/promises"
import type { Split } from "../../contracts/index.ts"
import { EngineError } from "../../errors/index.ts"
import type { FileFacts } from "./_byte-feed.ts"
import { readError } from "./_file-errors.ts"

/** What a split of a file source carries: the lines of `path` that start in [start, end). */
export interface FileSplitData extends FileFacts {
  readonly start: number
  /** null: to the end of the file, however long it is when decompressed. */
  readonly end: number | null
}

export interface SplitPlan {
  readonly parallelism: number
  /** Undefined: 8 MiB, or less so that a file over 1 MiB has a split for every reader. */
  readonly splitBytes: number | undefined
  /** False when a record may hold a newline, so that no byte tells where one begins. */
  readonly cuttable: boolean
}

const MIB = 1024 * 1024
const DEFAULT_SPLIT_BYTES = 8 * MIB
const FILES_AT_ONCE = 16
const UNSUPPORTED = /\.(?:zst|bz2|xz|br|lz4|zip|7z)$/i

/** Cuts one file into splits, in file order. Empty files have none. Pure. */
export function cutFile(file: FileFacts, plan: SplitPlan): Split[] {
  if (file.sizeBytes === 0) return []
  if (file.gzip || !plan.cuttable) return [splitOf(file, 0, file.gzip ? null : file.sizeBytes)]
  const splits: Split[] = []
  const pieceBytes = plan.splitBytes ?? defaultPiece(file.sizeBytes, plan.parallelism)
  for (let start = 0; start < file.sizeBytes; start += pieceBytes) {
    splits.push(splitOf(file, start, Math.min(start + pieceBytes, file.sizeBytes)))
  }
  return splits
}

function defaultPiece(sizeBytes: number, parallelism: number): number {
  const pieces = Math.ceil(sizeBytes / DEFAULT_SPLIT_BYTES)
  return Math.ceil(sizeBytes / (sizeBytes > MIB ? Math.max(pieces, parallelism) : pieces))
}

function splitOf(file: FileFacts, start: number, end: number | null): Split {
  const data: FileSplitData = { ...file, start, end }
  return { id: `${file.path}@${start}`, data }
}

/** Size and compression of each file, in order. Opens each, so that one without permission is refused before the job runs. */
export async function inspectFiles(paths: readonly string[]): Promise<readonly FileFacts[]> {
  const facts: FileFacts[] = []
  for (let from = 0; from < paths.length; from += FILES_AT_ONCE) {
    facts.push(...(await Promise.all(paths.slice(from, from + FILES_AT_ONCE).map(inspectFile))))
  }
  return facts
}

async function inspectFile(path: string): Promise<FileFacts> {
  if (UNSUPPORTED.test(path)) {
    throw new EngineError(
      "SOURCE_COMPRESSION_UNSUPPORTED",
      `Cannot read ${path}: of compressed files only gzip is read; decompress it or compress it with gzip`,
      { details: { path } },
    )
  }
  let handle: FileHandle | undefined
  try {
    handle = await open(path, "r")
    const { size } = await handle.stat()
    const magic = Buffer.alloc(2)
    await handle.read(magic, 0, 2, 0)
    return { path, sizeBytes: size, gzip: /\.gz$/i.test(path) || (magic[0] === 0x1f && magic[1] === 0x8b) }
  } catch (thrown) {
    throw readError(path, thrown)
  } finally {
    await handle?.close()
  }
}
