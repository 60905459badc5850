// Builds dist/: types by tsc, code by esbuild in a few files instead of one per source file, since a job starts in three
// threads and each file costs each of them a quarter of a millisecond and more. Skips the work when no source is newer than the last build.
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const dist = join(root, "dist")
const stamp = join(dist, ".built")

/** Loaded by the command and by the threads' entry, by their paths. */
const ENTRIES = ["cli/main", "actors/host"]
/** What the threads' pool requires. */
const THREAD_ENTRY = "actors/thread"
/** Not for users: what the scripts, and the tests that need threads, load from dist/. */
const INTERNALS = [
  "actors/load-pipeline",
  "actors/run",
  "cli/commands",
  "cli/help-text",
  "cli/plan-text",
  "mailbox/index",
  "records/index",
]

function newest(dir) {
  let latestMs = statSync(dir).mtimeMs
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    latestMs = Math.max(latestMs, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return latestMs
}

/** The modules of package.json's exports: `./dist/x.js` is made of `src/x.ts`. */
function publicEntries() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  return Object.values(exports)
    .map((target) => target.default)
    .filter((path) => path !== undefined)
    .map((path) => path.replace(/^\.\/dist\//, "").replace(/\.js$/, ""))
}

const inputs = ["tsconfig.json", "package.json", "scripts/build.mjs"].map((file) => statSync(join(root, file)).mtimeMs)
const sourcesMs = Math.max(newest(join(root, "src")), ...inputs)
if (!existsSync(stamp) || statSync(stamp).mtimeMs < sourcesMs) {
  rmSync(dist, { recursive: true, force: true })
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.json")], { stdio: "inherit", cwd: root })
  await build({
    absWorkingDir: root,
    entryPoints: [...publicEntries(), ...ENTRIES, ...INTERNALS].map((entry) => `src/${entry}.ts`),
    outbase: "src",
    outdir: "dist",
    // Two levels deep like the entries: paths from import.meta.url are the same wherever a module lands.
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    // No source maps: Node would read and parse them all at every start, in every thread. Chunks name their sources.
    logLevel: "warning",
  })
  await build({
    absWorkingDir: root,
    entryPoints: [`src/${THREAD_ENTRY}.cts`],
    outfile: `dist/${THREAD_ENTRY}.cjs`,
    format: "cjs",
    platform: "node",
    target: "node20",
    logLevel: "warning",
  })
  if (readFileSync(join(dist, "index.js"), "utf8").includes("import.meta.url")) {
    throw new Error("dist/index.js is one level deep and must not use import.meta.url: load that module dynamically")
  }
  writeFileSync(stamp, "")
}
