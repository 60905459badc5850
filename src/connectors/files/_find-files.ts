import { readdir, stat } from "node:fs/promises"
import { basename, dirname, isAbsolute, join, sep } from "node:path"
import { glob, isDynamicPattern } from "tinyglobby"
import { closest, EngineError } from "../../errors/index.ts"
import { errnoOf, readError } from "./_file-errors.ts"

/**
 * The files that a source's paths stand for: a file is itself, a directory its data files (not those below it), a glob
 * what it matches. The order of the list is kept, what a glob or a directory stands for is sorted by name; no file twice.
 *
 * @param extensions what a data file's name ends in, such as `.ndjson`; `.gz` may follow
 * @throws {EngineError} SOURCE_FILE_MISSING, SOURCE_GLOB_EMPTY, SOURCE_FILE_UNREADABLE
 */
export async function findFiles(paths: readonly string[], extensions: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>()
  for (const path of paths) for (const file of await expand(path, extensions)) found.add(file)
  return [...found]
}

/** True when `path` is a pattern rather than a name. */
export function isGlob(path: string): boolean {
  return isDynamicPattern(path)
}

async function expand(path: string, extensions: readonly string[]): Promise<readonly string[]> {
  const kind = await kindOf(path)
  if (kind === "file") return [path]
  if (kind === "directory") return dataFiles(path, extensions)
  if (kind === "other") {
    throw new EngineError(
      "SOURCE_FILE_UNREADABLE",
      `Cannot read ${path}: it is neither a regular file nor a directory; copy its content to a file first`,
      { details: { path } },
    )
  }
  if (!isGlob(path)) throw await missing(path)
  const pattern = sep === "\\" ? path.replaceAll("\\", "/") : path
  const files = (await glob(pattern, { absolute: isAbsolute(path), expandDirectories: false })).sort(byName)
  if (files.length > 0) return files
  throw new EngineError(
    "SOURCE_GLOB_EMPTY",
    `Cannot read ${path}: no file matches it in ${process.cwd()}; check the pattern and the working directory`,
    { details: { path } },
  )
}

async function kindOf(path: string): Promise<"file" | "directory" | "other" | "missing"> {
  try {
    const facts = await stat(path)
    return facts.isFile() ? "file" : facts.isDirectory() ? "directory" : "other"
  } catch (thrown) {
    const errno = errnoOf(thrown)
    if (errno === "ENOENT" || errno === "ENOTDIR") return "missing"
    throw readError(path, thrown)
  }
}

/** Hidden files and `_names` are left out: writers keep unfinished parts and markers there. */
async function dataFiles(directory: string, extensions: readonly string[]): Promise<readonly string[]> {
  let entries: readonly string[]
  try {
    entries = await readdir(directory)
  } catch (thrown) {
    throw readError(directory, thrown)
  }
  const files: string[] = []
  for (const name of [...entries].sort(byName)) {
    if (name.startsWith(".") || name.startsWith("_") || !hasExtension(name, extensions)) continue
    const path = join(directory, name)
    if ((await kindOf(path)) === "file") files.push(path)
  }
  if (files.length > 0) return files
  throw new EngineError(
    "SOURCE_GLOB_EMPTY",
    `Cannot read ${directory}: the directory holds no ${extensions.join(" or ")} file (${entries.length} entries); pass a glob such as ${join(directory, "*")} for other names`,
    { details: { path: directory } },
  )
}

function hasExtension(name: string, extensions: readonly string[]): boolean {
  const plain = name.toLowerCase().replace(/\.gz$/, "")
  return extensions.some((extension) => plain.endsWith(extension))
}

/** By code units: the same order on every machine. */
function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Names the nearest thing that does exist: a file of a similar name, or the last directory of the path. */
async function missing(path: string): Promise<EngineError> {
  const parent = dirname(path)
  const siblings = await namesIn(parent)
  const near = siblings === undefined ? undefined : closest(basename(path), siblings)
  const remedy =
    siblings === undefined
      ? `the directory ${parent} does not exist in ${process.cwd()}; check the path and the working directory`
      : near === undefined
        ? `the directory ${parent} has no file of a similar name; check the path`
        : `did you mean ${join(parent, near)}?`
  return new EngineError("SOURCE_FILE_MISSING", `Cannot read ${path}: there is no such file; ${remedy}`, {
    details: { path, ...(near === undefined ? {} : { nearest: join(parent, near) }) },
  })
}

async function namesIn(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory)
  } catch {
    // Only looked up for a hint: that the directory cannot be listed is hint enough.
    return undefined
  }
}
