// Builds dist/ with tsc alone. Skips the work when no source is newer than the last build.
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const stamp = join(root, "dist", ".built")

function newest(dir) {
  let latestMs = statSync(dir).mtimeMs
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    latestMs = Math.max(latestMs, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return latestMs
}

const sourcesMs = Math.max(newest(join(root, "src")), statSync(join(root, "tsconfig.json")).mtimeMs)
if (!existsSync(stamp) || statSync(stamp).mtimeMs < sourcesMs) {
  rmSync(join(root, "dist"), { recursive: true, force: true })
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.json")], { stdio: "inherit", cwd: root })
  writeFileSync(stamp, "")
}
