// Makes docs/performance.md and docs/performance/*.svg of bench/results/: `npm run bench:page`. With --check it only says what differs.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { renderPage } from "./bench/page.mjs"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const folder = join(root, "docs", "performance")
const checks = process.argv.includes("--check")

const files = await renderPage(root)
mkdirSync(folder, { recursive: true })
const stale = readdirSync(folder)
  .map((file) => `docs/performance/${file}`)
  .filter((path) => !files.has(path))
if (checks) {
  const differing = [...files].filter(([path, content]) => read(path) !== content).map(([path]) => path)
  const wrong = [...differing, ...stale]
  if (wrong.length > 0) {
    console.error(`not as bench/results/ has it: ${wrong.join(", ")}; run \`npm run bench:page\``)
    process.exit(1)
  }
} else {
  for (const path of stale) rmSync(join(root, path))
  for (const [path, content] of files) writeFileSync(join(root, path), content)
  console.log(`docs/performance.md and ${files.size - 1} plots`)
}

function read(path) {
  try {
    return readFileSync(join(root, path), "utf8")
  } catch (error) {
    if (error.code === "ENOENT") return undefined
    throw error
  }
}
