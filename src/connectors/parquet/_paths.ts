import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { EngineError } from "../../errors/index.ts"

/**
 * The files that the paths stand for, in the order given: a file for itself, a directory for the `*.parquet` files
 * directly in it, by name.
 *
 * @throws {EngineError} SOURCE_FILE_MISSING for a path that does not exist, or a directory without such a file
 */
export async function parquetFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    if (!(await isDirectory(path))) {
      files.push(path)
      continue
    }
    const names = (await readdir(path)).filter((name) => name.endsWith(".parquet"))
    if (names.length === 0) {
      throw new EngineError(
        "SOURCE_FILE_MISSING",
        `Cannot read Parquet from ${path}: the directory holds no file ending in .parquet; check the path`,
        { details: { path } },
      )
    }
    // By code units, not by locale: the order must be the same on every machine.
    names.sort()
    files.push(...names.map((name) => join(path, name)))
  }
  return files
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    throw fileError(path, error)
  }
}

/** What opening or reading `path` failed with, as a coded error. */
export function fileError(path: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new EngineError(
      "SOURCE_FILE_MISSING",
      `Cannot read ${path}: there is no such file; check the path (the working directory is ${process.cwd()})`,
      { cause: error, details: { path } },
    )
  }
  if (typeof code === "string" && /^E[A-Z]+$/.test(code)) {
    const remedy =
      code === "EACCES" || code === "EPERM"
        ? "give this user read permission on the file and on its directories"
        : code === "EMFILE" || code === "ENFILE"
          ? "raise the limit of open files (ulimit -n)"
          : "check the file and its disk"
    return new EngineError("SOURCE_FILE_UNREADABLE", `Cannot read ${path}: ${String(message)}; ${remedy}`, {
      cause: error,
      retriable: code === "EMFILE" || code === "ENFILE" || code === "EIO",
      details: { path, errno: code },
    })
  }
  return corrupt(path, String(message ?? error), error)
}

/** The file is there, but is no intact Parquet file, or uses what cannot be read. */
export function corrupt(path: string, reason: string, cause?: unknown): EngineError {
  return new EngineError(
    "SOURCE_FILE_CORRUPT",
    `Cannot read ${path} as Parquet: ${reason}; check that the file is complete and was written as Parquet`,
    { ...(cause === undefined ? {} : { cause }), details: { path, reason } },
  )
}
