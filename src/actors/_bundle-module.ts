import { existsSync, readFileSync, realpathSync } from "node:fs"
import { createRequire, isBuiltin } from "node:module"
import { dirname, extname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { BuildFailure, Loader, Message, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild"
import { EngineError } from "../errors/index.ts"
import { type Bundle, fingerprint } from "./_bundle-cache.ts"

/** In two pieces, so that nobody takes this module's text for its own map. */
const MAP_COMMENT = `//# ${"sourceMappingURL"}=`

export interface ModuleBundle extends Bundle {
  readonly entryFormat: "cjs" | "esm"
}

const LOADERS: Readonly<Record<string, Loader>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
}
const COMPILED = [".ts", ".mts", ".cts", ".tsx", ".jsx", ".json"]
const META = "millrace-meta:"
/** Marks our own questions to the resolver, which come back to the plugin. */
const ASKED = Symbol("asked")
const SHOWN_ERRORS = 3

/**
 * Makes one ES module of a user's file and of the user's files it imports.
 *
 * - Packages, Node's own modules and CommonJS files stay outside, by absolute file URL: the output runs from anywhere, and a
 *   package is the same instance for the bundle and for everyone else in the thread. So is the engine.
 * - `import.meta` of each file keeps saying where that file is.
 * - The inline source map has absolute file URLs.
 *
 * Imports esbuild when called: it takes tens of milliseconds to start.
 *
 * @param entry absolute path
 * @throws {EngineError} PIPELINE_SYNTAX, PIPELINE_IMPORT_MISSING, or PIPELINE_LOAD_FAILED when esbuild itself does not start
 */
export async function bundleModule(entry: string): Promise<ModuleBundle> {
  const esbuild = await importEsbuild(entry)
  const inputs = new Map<string, string>()
  const outfile = join(dirname(entry), "bundle.mjs")
  try {
    const result = await esbuild.build({
      entryPoints: [entry],
      outfile,
      absWorkingDir: dirname(entry),
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "node",
      target: `node${process.versions.node}`,
      conditions: ["node-addons", "module-sync"],
      charset: "utf8",
      sourcemap: "external",
      sourcesContent: false,
      define: { "import.meta": "__millraceMeta" },
      logLevel: "silent",
      plugins: [userFiles(inputs)],
    })
    const entryName = Object.values(result.metafile.outputs).find(
      (output) => output.entryPoint !== undefined,
    )?.entryPoint
    const map = result.outputFiles.find((file) => file.path.endsWith(".map"))
    const code = result.outputFiles.find((file) => !file.path.endsWith(".map"))
    recordTsconfigs(inputs)
    return {
      code: `${code?.text ?? ""}\n${MAP_COMMENT}data:application/json;base64,${absoluteMap(map?.text ?? "{}", dirname(entry))}\n`,
      inputs: Object.fromEntries(inputs),
      entryFormat: result.metafile.inputs[entryName ?? ""]?.format ?? "esm",
    }
  } catch (thrown) {
    if (isBuildFailure(thrown)) throw buildError(entry, thrown.errors)
    throw thrown
  }
}

async function importEsbuild(entry: string): Promise<typeof import("esbuild")> {
  try {
    return await import("esbuild")
  } catch (thrown) {
    throw new EngineError(
      "PIPELINE_LOAD_FAILED",
      `Cannot load ${shown(entry)}: Node ${process.versions.node} cannot run it as it stands, and esbuild, which would compile it, ` +
        "does not start; reinstall the dependencies, use Node 22.18 or newer, or compile the file to JavaScript",
      { cause: thrown, details: { file: entry } },
    )
  }
}

/** @param inputs gathers the fingerprint, taken before reading, of every file that the output depends on */
function userFiles(inputs: Map<string, string>): Plugin {
  return {
    name: "millrace-user-files",
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${META}`) }, (args) => ({
        path: args.path.slice(META.length),
        namespace: META,
      }))
      build.onLoad({ filter: /.*/, namespace: META }, (args) => ({ contents: metaModule(args.path) }))

      build.onResolve({ filter: /.*/ }, async (args): Promise<OnResolveResult | undefined> => {
        if (args.kind === "entry-point" || args.pluginData === ASKED) return undefined
        if (isBuiltin(args.path) || args.kind === "require-call" || args.kind === "require-resolve") {
          return { path: args.path, external: true }
        }
        if (/^(data|https?):/.test(args.path)) return { path: args.path, external: true }
        const path = await resolveFile(build, args)
        // Unresolved: esbuild says so itself, with the position.
        if (path === undefined) return undefined
        if (isUserFile(args.path, path)) return { path }
        recordPackage(inputs, path)
        return { path: pathToFileURL(path).href, external: true }
      })

      build.onLoad({ filter: /\.([cm]?[jt]s|[jt]sx)$/, namespace: "file" }, (args) => {
        inputs.set(args.path, fingerprint(args.path))
        const source = readFileSync(args.path, "utf8")
        // The import goes to the end, as imports are hoisted: no line and no column of the user's code moves.
        const contents = source.includes("import.meta")
          ? `${source}\nimport { meta as __millraceMeta } from ${JSON.stringify(META + args.path)}\n`
          : source
        return { contents, loader: LOADERS[extname(args.path)] ?? "js" }
      })

      build.onLoad({ filter: /\.json$/, namespace: "file" }, (args) => {
        inputs.set(args.path, fingerprint(args.path))
        return { contents: readFileSync(args.path, "utf8"), loader: "json" }
      })
    },
  }
}

/** The file behind a specifier. The engine's own name is found also from where no such package is installed. */
async function resolveFile(build: PluginBuild, args: OnResolveArgs): Promise<string | undefined> {
  const specifier = args.path
  const { kind, resolveDir, importer } = args
  const path = specifier.startsWith("file:") ? fileURLToPath(specifier) : specifier
  const found = await build.resolve(path, { kind, resolveDir, importer, pluginData: ASKED })
  if (found.errors.length === 0 && found.namespace === "file") return found.path
  if (specifier !== "millrace" && !specifier.startsWith("millrace/")) return undefined
  try {
    return realpathSync(createRequire(import.meta.url).resolve(specifier))
  } catch {
    // Not an entry of the engine either.
    return undefined
  }
}

/** True for what belongs into the bundle: whatever Node may not run as it stands, and the user's own ES modules, which may import such a file. */
function isUserFile(specifier: string, path: string): boolean {
  if (COMPILED.includes(extname(path))) return true
  if (!/^(\.{0,2}\/|file:)/.test(specifier) || path.includes(`${sep}node_modules${sep}`)) return false
  return extname(path) === ".mjs" || (extname(path) === ".js" && nearestPackage(path)?.type === "module")
}

function recordPackage(inputs: Map<string, string>, path: string): void {
  inputs.set(path, fingerprint(path))
  const manifest = nearestPackage(path)?.path
  if (manifest !== undefined) inputs.set(manifest, fingerprint(manifest))
}

function nearestPackage(path: string): { readonly path: string; readonly type: unknown } | undefined {
  const manifest = nearest(dirname(path), "package.json")
  if (manifest === undefined) return undefined
  return { path: manifest, type: (JSON.parse(readFileSync(manifest, "utf8")) as { type?: unknown }).type }
}

/** esbuild reads the nearest tsconfig.json of each file (paths, decorators, jsx) and does not list it. */
function recordTsconfigs(inputs: Map<string, string>): void {
  for (const folder of new Set([...inputs.keys()].map(dirname))) {
    let config = nearest(folder, "tsconfig.json")
    while (config !== undefined && existsSync(config) && !inputs.has(config)) {
      inputs.set(config, fingerprint(config))
      const base = /"extends"\s*:\s*"(\.[^"]+)"/.exec(readFileSync(config, "utf8"))?.[1]
      config =
        base === undefined ? undefined : resolve(dirname(config), extname(base) === ".json" ? base : `${base}.json`)
    }
  }
}

function nearest(folder: string, name: string): string | undefined {
  const path = join(folder, name)
  if (existsSync(path)) return path
  return folder === dirname(folder) ? undefined : nearest(dirname(folder), name)
}

/** What `import.meta` is in a file of the bundle. */
function metaModule(path: string): string {
  const url = pathToFileURL(path).href
  return `import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
const url = ${JSON.stringify(url)}
export const meta = {
  __proto__: null, url, dirname: ${JSON.stringify(dirname(path))}, filename: ${JSON.stringify(path)},
  resolve(specifier) {
    if (/^(\\.{0,2}\\/|[a-z]+:)/.test(specifier)) return new URL(specifier, url).href
    const found = createRequire(url).resolve(specifier)
    return /^[/\\\\]|^[A-Za-z]:/.test(found) ? pathToFileURL(found).href : specifier
  },
}
`
}

function absoluteMap(text: string, base: string): string {
  const map = JSON.parse(text) as { sources?: string[] }
  const sources = (map.sources ?? []).map((source) =>
    source.startsWith(META) ? source : pathToFileURL(resolve(base, source)).href,
  )
  return Buffer.from(JSON.stringify({ ...map, sources })).toString("base64")
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && "errors" in thrown && Array.isArray(thrown.errors)
}

function buildError(entry: string, errors: readonly Message[]): EngineError {
  const unresolved = errors.filter((error) => error.text.startsWith("Could not resolve"))
  const code = unresolved.length === errors.length ? "PIPELINE_IMPORT_MISSING" : "PIPELINE_SYNTAX"
  const listed = errors.slice(0, SHOWN_ERRORS).map((error) => describeMessage(error, dirname(entry)))
  const rest = errors.length > SHOWN_ERRORS ? `\nand ${errors.length - SHOWN_ERRORS} more` : ""
  const remedy = code === "PIPELINE_SYNTAX" ? "" : "\ncheck the path, or install the package"
  const at = errors[0]?.location
  return new EngineError(code, `Cannot load ${shown(entry)}:\n${listed.join("\n")}${rest}${remedy}`, {
    details: {
      file: at == null ? entry : resolve(dirname(entry), at.file),
      ...(at == null ? {} : { line: at.line, column: at.column + 1, lineText: at.lineText }),
    },
  })
}

/** `file:line:column: text`, then the line of source with a mark under the place. */
function describeMessage(message: Message, base: string): string {
  const at = message.location
  if (at === null) return message.text
  const number = String(at.line)
  // Columns are counted in bytes of UTF-8; the mark and the editor count characters.
  const before = Buffer.from(at.lineText).subarray(0, at.column).toString()
  const indent = before.replaceAll(/[^\t]/g, " ")
  return (
    `${shown(resolve(base, at.file))}:${at.line}:${before.length + 1}: ${message.text}\n` +
    `  ${number} | ${at.lineText}\n  ${" ".repeat(number.length)} | ${indent}${"^".repeat(Math.max(1, at.length))}`
  )
}

function shown(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith("..") || short === "" ? path : short
}
