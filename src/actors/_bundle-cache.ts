import { createHash, randomBytes } from "node:crypto"
import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, extname, join } from "node:path"

/**
 * Bundles of users' files, kept between runs.
 *
 * - A bundle is named by its content and never changes; a manifest per source file names the bundle and what it was made from.
 * - Both are written under another name and renamed, the bundle first: any number of threads and processes may race, and a
 *   reader sees a whole old entry or a whole new one.
 * - An entry counts as long as every input has the size and the times (modified, changed) it had before it was read.
 *
 * Not noticed: a file created later in a place that the resolution would look at first.
 */
export interface Bundle {
  readonly code: string
  /** Path -> `fingerprint` of everything the code was made from. */
  readonly inputs: Readonly<Record<string, string>>
}

interface Manifest {
  readonly bundle: string
  readonly inputs: Readonly<Record<string, string>>
}

/** A bundle that no manifest names any more may still be read by a process that started with it. */
const KEEP_OLD_BUNDLES_MS = 24 * 60 * 60 * 1000

/**
 * The folder for the bundles of `file`: `node_modules/.cache/millrace` in the nearest folder above that has a `node_modules`,
 * when that is ours and writable, else a folder of this user under the system's temporary one. Creates nothing.
 */
export function findCacheDir(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const modules = join(folder, "node_modules")
    const stats = statSync(modules, { throwIfNoEntry: false })
    if (stats?.isDirectory()) {
      if (isOwn(stats.uid) && isWritable(modules)) return join(modules, ".cache", "millrace")
      break
    }
    if (folder === dirname(folder)) break
  }
  return join(tmpdir(), `millrace-${process.getuid?.() ?? "cache"}`)
}

/** Names the cache's entry for a file: by path, version of the engine and major version of Node, as each may change the output. */
export function bundleKey(file: string): string {
  const stem = basename(file, extname(file)).replaceAll(/[^\w-]/g, "_")
  const nodeMajor = process.versions.node.split(".")[0]
  return `${stem}-${hash(`${file}\0${engineVersion()}\0${nodeMajor}`)}`
}

/** The path of a bundle that is still right, or undefined. */
export function readBundle(cacheDir: string, key: string): string | undefined {
  if (!isPrivate(cacheDir)) return undefined
  const manifest = readManifest(join(cacheDir, `${key}.json`))
  if (manifest === undefined) return undefined
  for (const [path, print] of Object.entries(manifest.inputs)) {
    if (fingerprint(path) !== print) return undefined
  }
  const path = join(cacheDir, manifest.bundle)
  return statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : path
}

/** Stores a bundle and answers its path. Where the cache cannot be trusted or written, the bundle goes to a private folder that ends with the process. */
export function writeBundle(cacheDir: string, key: string, bundle: Bundle): string {
  const name = `${key}-${hash(bundle.code)}.mjs`
  try {
    mkdirSync(dirname(cacheDir), { recursive: true })
    mkdirSync(cacheDir, { recursive: true, mode: 0o700 })
    if (isPrivate(cacheDir)) {
      removeOldBundles(cacheDir, key)
      const manifest: Manifest = { bundle: name, inputs: bundle.inputs }
      writeAtomically(join(cacheDir, name), bundle.code)
      writeAtomically(join(cacheDir, `${key}.json`), JSON.stringify(manifest))
      return join(cacheDir, name)
    }
  } catch (thrown) {
    // A full or read-only disk costs the cache, not the run.
    if (!isFileError(thrown)) throw thrown
  }
  const folder = mkdtempSync(join(tmpdir(), "millrace-once-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, name), bundle.code, { mode: 0o600 })
  return join(folder, name)
}

/** What tells one state of a file from another without reading it. `absent` when there is none. */
export function fingerprint(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stats === undefined ? "absent" : `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
}

function readManifest(path: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Partial<Manifest>
    if (typeof manifest.bundle !== "string" || typeof manifest.inputs !== "object") return undefined
    return { bundle: basename(manifest.bundle), inputs: manifest.inputs }
  } catch (thrown) {
    // Not there, or not ours to understand: the entry is made anew.
    if (isFileError(thrown) || thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, path)
}

function removeOldBundles(cacheDir: string, key: string): void {
  for (const name of readdirSync(cacheDir)) {
    if (!name.startsWith(`${key}-`)) continue
    const stats = statSync(join(cacheDir, name), { throwIfNoEntry: false })
    if (stats !== undefined && Date.now() - stats.mtimeMs > KEEP_OLD_BUNDLES_MS)
      rmSync(join(cacheDir, name), { force: true })
  }
}

/** Code is run from here: nobody else may be able to put any in. A folder below our own `node_modules` is as safe as that is. */
function isPrivate(cacheDir: string): boolean {
  const stats = lstatSync(cacheDir, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isDirectory() || !isOwn(stats.uid)) return false
  return process.getuid === undefined || (stats.mode & 0o077) === 0
}

function isOwn(uid: number): boolean {
  return process.getuid === undefined || process.getuid() === uid
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    // The one thing that access() says by throwing.
    return false
  }
}

function isFileError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16)
}

let version: string | undefined

function engineVersion(): string {
  version ??= String(
    (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: unknown }).version,
  )
  return version
}
