// Checks that imports within src/ point downwards and never in a circle between folders, and that only the folders that
// may touch threads, disk and clocks do. The order is that of docs/architecture.md.
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const src = join(root, "src")

/** From the bottom up. Folders of one row do not import each other, except as EXCEPTIONS allow. */
const LAYERS = [
  ["errors"],
  ["records"],
  ["time"],
  ["mailbox"],
  ["state"],
  ["snapshot"],
  ["contracts"],
  ["operators", "windows", "connectors"],
  ["observe"],
  ["plan"],
  ["api"],
  ["actors"],
  ["control", "sim"],
  ["proving"],
  ["testing"],
  ["cli"],
]
const RANK = new Map(LAYERS.flatMap((folders, rank) => folders.map((folder) => [folder, rank])))

/** What a folder may import from outside; a folder that is not listed may import any of these modules. */
const RESTRICTED = [
  { modules: ["node:worker_threads", "piscina", "comlink"], allowed: ["actors", "cli"] },
  {
    modules: ["node:fs", "node:fs/promises", "tinyglobby"],
    allowed: ["connectors", "snapshot", "state", "actors", "control", "cli"],
  },
]
/** Clocks, timers and randomness are arguments below the actors (connectors get theirs from ReadContext). */
const AMBIENT = /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|randomUUID)\b\s*\(/
const AMBIENT_FREE = [
  "errors",
  "records",
  "time",
  "mailbox",
  "state",
  "contracts",
  "operators",
  "windows",
  "plan",
  "api",
]

const problems = []
const files = readdirSync(src, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.endsWith(".test-d.ts"))

for (const file of files) {
  const text = readFileSync(join(src, file), "utf8")
  const folder = file.includes(sep) ? file.split(sep)[0] : undefined
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1")
  for (const [, specifier] of code.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) {
    if (specifier.startsWith(".")) checkInner(file, folder, specifier)
    else checkOuter(file, folder, specifier)
  }
  if (folder !== undefined && AMBIENT_FREE.includes(folder)) {
    const found = AMBIENT.exec(code)
    if (found !== null) problems.push(`${file}: calls ${found[1]}, which must be an argument in ${folder}/`)
  }
}

function checkInner(file, folder, specifier) {
  const target = relative(src, resolve(dirname(join(src, file)), specifier))
  if (target.startsWith("..")) return problems.push(`${file}: imports ${specifier} from outside src/`)
  const targetFolder = target.includes(sep) ? target.split(sep)[0] : undefined
  // Files directly in src/ are the public face: they import anything, and nobody imports them.
  if (folder === undefined) return
  if (targetFolder === undefined) return problems.push(`${file}: imports ${target}, the public face`)
  if (targetFolder === folder) return
  const [from, to] = [RANK.get(folder), RANK.get(targetFolder)]
  if (from === undefined) return problems.push(`${file}: folder ${folder}/ has no place in the layers`)
  if (to === undefined) return problems.push(`${file}: folder ${targetFolder}/ has no place in the layers`)
  if (to >= from)
    problems.push(
      `${file}: ${folder}/ must not import ${targetFolder}/, which is ${to === from ? "beside" : "above"} it`,
    )
  const basename = target.split(sep).at(-1)
  const isPrivate = basename.startsWith("_")
  if (isPrivate) problems.push(`${file}: ${target} is private to its folder`)
}

function checkOuter(file, folder, specifier) {
  for (const { modules, allowed } of RESTRICTED) {
    if (modules.includes(specifier) && folder !== undefined && !allowed.includes(folder)) {
      problems.push(`${file}: ${folder}/ must not import ${specifier}; only ${allowed.join(", ")} may`)
    }
  }
}

for (const problem of problems) console.error(problem)
console.log(`layers: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
