import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { basename, dirname, extname, relative, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Pipeline } from "../api/index.ts"
import { closest, describe, EngineError } from "../errors/index.ts"
import { bundleKey, findCacheDir, readBundle, writeBundle } from "./_bundle-cache.ts"

export interface LoadOptions {
  /** What `prepareModule` answered, on the main thread: imported in place of the file, without looking at it again. */
  readonly prepared?: string
}

/** `PIPELINE_BRAND` of api/, spelled out so that loading a module does not load the API with it. */
const BRAND = Symbol.for("millrace.pipeline")
const MODULE_EXTENSIONS = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"]
const TYPESCRIPT_EXTENSIONS = [".ts", ".mts", ".cts", ".tsx", ".jsx"]

/** Codes of Node for a graph of modules it cannot link as it stands and that the bundler may be able to. */
const LINK_FAILURES: ReadonlySet<unknown> = new Set([
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
  "ERR_INVALID_TYPESCRIPT_SYNTAX",
  "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING",
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_MODULE_NOT_FOUND",
  "ERR_UNSUPPORTED_DIR_IMPORT",
  "ERR_IMPORT_ATTRIBUTE_MISSING",
])

/**
 * Loads a pipeline module and returns its default export, checked by its brand.
 *
 * @param target a path (relative to the working directory) or a file URL, of a `.ts`, `.mts`, `.js` or `.mjs` module
 * @throws {EngineError} what `loadDefaultExport` throws, and PIPELINE_NOT_A_PIPELINE when the export is something else
 */
export async function loadPipeline(target: URL | string, options: LoadOptions = {}): Promise<Pipeline> {
  const value = await loadDefaultExport(target, options)
  if (isPipeline(value)) return value
  throw new EngineError(
    "PIPELINE_NOT_A_PIPELINE",
    `Cannot run ${shown(toFileUrl(target))}: its default export is ${kindOf(value)}, not a pipeline; write ${EXAMPLE}`,
    { details: { file: fileURLToPath(toFileUrl(target)) } },
  )
}

/**
 * Loads a module and returns its default export; a promise is awaited.
 *
 * @throws {EngineError} what `loadModule` throws, and PIPELINE_NO_DEFAULT_EXPORT
 */
export async function loadDefaultExport(target: URL | string, options: LoadOptions = {}): Promise<unknown> {
  const namespace = (await loadModule(target, options)) as Readonly<Record<string, unknown>>
  const value = namespace.default
  // A module that a compiler turned into CommonJS: Node wraps the exports object once more.
  if (isCompiledModule(value)) return value.default
  if (value !== undefined) return value
  const named = Object.keys(namespace).find((name) => isPipeline(namespace[name]))
  const found = named === undefined ? "" : `; it exports a pipeline as \`${named}\``
  const remedy = named === undefined ? EXAMPLE : `\`export default ${named}\``
  throw new EngineError(
    "PIPELINE_NO_DEFAULT_EXPORT",
    `Cannot run ${shown(toFileUrl(target))}: it has no default export${found}; write ${remedy}`,
    { details: { file: fileURLToPath(toFileUrl(target)) } },
  )
}

/**
 * Imports a module in the calling thread and returns its namespace. The main thread and every worker thread use this.
 *
 * @throws {EngineError} what `prepareModule` throws
 */
export async function loadModule(target: URL | string, options: LoadOptions = {}): Promise<unknown> {
  const url = toFileUrl(target)
  const prepared = options.prepared ?? (await prepareModule(url))
  // A bundle carries its source map; the setting is per thread and must precede the import, else stacks name the bundle.
  if (prepared !== url.href) process.setSourceMapsEnabled(true)
  try {
    return await import(prepared)
  } catch (thrown) {
    throw await loadFailure(url, thrown)
  }
}

/**
 * Answers the file URL that every thread should import in place of `target`: `target` itself where Node runs it as it
 * stands, else one bundle of it and of the user's files it imports, so that workers never start a compiler.
 *
 * Node itself runs JavaScript everywhere and TypeScript with erasable syntax from 22.18 on. Everything else is bundled by
 * esbuild: TypeScript on Node 20, enums, parameter properties, `./x.js` written for `./x.ts`, paths of a tsconfig.json, an
 * `import "millrace"` from where no such package is installed. Where only an import can tell (a graph that Node may not be
 * able to link), the module is imported here, in the calling thread.
 * Cost: a hit in the cache is a few stats; a miss starts esbuild.
 *
 * @throws {EngineError} PIPELINE_FILE_MISSING, PIPELINE_FILE_KIND, PIPELINE_SYNTAX, PIPELINE_IMPORT_MISSING, PIPELINE_LOAD_FAILED
 */
export async function prepareModule(target: URL | string): Promise<string> {
  const url = toFileUrl(target)
  const file = fileURLToPath(url)
  checkFile(url, file)
  const cacheDir = findCacheDir(file)
  const key = bundleKey(file)
  const cached = readBundle(cacheDir, key)
  if (cached !== undefined) return pathToFileURL(cached).href
  if (!nodeRuns(file)) return bundle(url, file, cacheDir, key)
  try {
    await import(url.href)
    return url.href
  } catch (thrown) {
    if (!failedToLink(thrown)) throw await loadFailure(url, thrown)
    return bundle(url, file, cacheDir, key, thrown)
  }
}

/** @param linkFailure why Node refused the module as it stands: thrown when bundling cannot be the cure */
async function bundle(url: URL, file: string, cacheDir: string, key: string, linkFailure?: unknown): Promise<string> {
  const { bundleModule } = await import("./_bundle-module.ts")
  const made = await bundleModule(file)
  // A CommonJS file would lose its `require` in an ES module; it had its chance.
  if (linkFailure !== undefined && made.entryFormat === "cjs") throw await loadFailure(url, linkFailure)
  return pathToFileURL(writeBundle(cacheDir, key, made)).href
}

function nodeRuns(file: string): boolean {
  if (!TYPESCRIPT_EXTENSIONS.includes(extname(file))) return true
  // The property is newer than the types of the oldest Node we support.
  return Boolean((process.features as { typescript?: string | false }).typescript)
}

/** True for a failure before any of the graph's code ran: an import that is not there, or syntax Node refuses. */
function failedToLink(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  if ("code" in thrown && LINK_FAILURES.has(thrown.code)) return true
  // V8's own syntax errors have no code. Raised while linking they come from Node's loader; raised by the user's code
  // (JSON.parse, new Function) the first frame is another one.
  const firstFrame = thrown.stack?.split("\n").find((line) => line.startsWith("    at "))
  return thrown instanceof SyntaxError && firstFrame !== undefined && firstFrame.includes("node:internal/modules/")
}

function checkFile(url: URL, file: string): void {
  const details = { file }
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) {
    throw new EngineError("PIPELINE_FILE_MISSING", `Cannot find the pipeline ${shown(url)}: ${nearestFile(file)}`, {
      details,
    })
  }
  if (stats.isDirectory()) {
    throw new EngineError("PIPELINE_FILE_MISSING", `Cannot load ${shown(url)}: it is a folder; name a file in it`, {
      details,
    })
  }
  if (!MODULE_EXTENSIONS.includes(extname(file))) {
    throw new EngineError(
      "PIPELINE_FILE_KIND",
      `Cannot load ${shown(url)}: a pipeline is a module that ends in .ts, .mts, .js or .mjs`,
      { details },
    )
  }
}

function nearestFile(file: string): string {
  const folder = dirname(file)
  if (!existsSync(folder)) return `the folder ${folder} does not exist; check the path`
  const modules = readdirSync(folder).filter((name) => MODULE_EXTENSIONS.includes(extname(name)))
  const sameStem = modules.find((name) => basename(name, extname(name)) === basename(file, extname(file)))
  const near = sameStem ?? closest(basename(file), modules)
  if (near !== undefined) return `there is no such file; did you mean ${shown(pathToFileURL(resolve(folder, near)))}?`
  return `there is no such file in ${folder}; check the path`
}

/** What a failed import is for the user: an export that a module does not have, or the user's code that threw. */
async function loadFailure(url: URL, thrown: unknown): Promise<EngineError> {
  const details = { file: fileURLToPath(url) }
  const text =
    thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `a value that is no Error: ${describe(thrown)}`
  const missing = /The requested module '(.+)' does not provide an export named '(.+)'/.exec(text)
  if (missing?.[1] !== undefined && missing[2] !== undefined && failedToLink(thrown)) {
    return new EngineError(
      "PIPELINE_IMPORT_MISSING",
      `Cannot load ${shown(url)}${importLine(url, missing[2])}: ${await missingExport(missing[1], missing[2])}`,
      { cause: thrown, details },
    )
  }
  const remedy = "a pipeline's module runs once on every thread and should only describe the graph"
  return new EngineError("PIPELINE_LOAD_FAILED", `Cannot load ${shown(url)}: it threw ${text}; ${remedy}`, {
    cause: thrown,
    details,
  })
}

async function missingExport(specifier: string, name: string): Promise<string> {
  const target = specifier.startsWith("file:") || !specifier.startsWith(".") ? specifier : undefined
  let exported: string[] = []
  try {
    if (target !== undefined) exported = Object.keys(await import(target))
  } catch {
    // The name is only a help: without the list of exports there is no suggestion.
    exported = []
  }
  const near = closest(name, exported)
  const module = specifier.startsWith("file:") ? packageName(specifier) : specifier
  return `"${module}" has no export named \`${name}\`; ${near === undefined ? "check its name" : `did you mean \`${near}\`?`}`
}

/** The bare name behind a resolved file: the name in the nearest package.json, else the path. */
function packageName(href: string): string {
  const path = fileURLToPath(href)
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = resolve(folder, "package.json")
    if (existsSync(manifest))
      return String((JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown }).name ?? path)
  }
  return path
}

/** The first line of the file that names the import, as ":line:column"; nothing when another file holds it. */
function importLine(url: URL, name: string): string {
  const lines = readFileSync(url, "utf8").split("\n")
  const line = lines.findIndex((text) => text.split(/[^\w$]+/).includes(name))
  return line < 0 ? "" : `:${line + 1}:${lines[line]!.indexOf(name) + 1}`
}

function toFileUrl(target: URL | string): URL {
  if (typeof target !== "string") return target
  return target.startsWith("file:") ? new URL(target) : pathToFileURL(resolve(target))
}

/** The path as the user would type it: relative when it is below the working directory. */
function shown(url: URL): string {
  const path = fileURLToPath(url)
  const short = relative(process.cwd(), path)
  return short.startsWith("..") || short === "" ? path : short
}

/** By the brand, which holds across copies of the engine, as instanceof does not. */
function isPipeline(value: unknown): value is Pipeline {
  return typeof value === "object" && value !== null && (value as Readonly<Record<symbol, unknown>>)[BRAND] === true
}

function isCompiledModule(value: unknown): value is { readonly default: unknown } {
  return typeof value === "object" && value !== null && "__esModule" in value && "default" in value
}

function kindOf(value: unknown): string {
  if (value === null) return "null"
  if (typeof value === "function")
    return value.name === "" || value.name === "default" ? "a function" : `the function \`${value.name}\``
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value !== "object") return `the ${typeof value} ${describe(value, 60)}`
  const keys = Object.keys(value)
  return keys.length === 0 ? "an object without properties" : `an object with ${keys.slice(0, 5).join(", ")}`
}

const EXAMPLE = '`export default pipeline("name", ({ source }) => { ... })`'
