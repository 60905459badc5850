// bench/results/<bench>.jsonl: a line per result of every run at the real size, oldest first.
import { execFileSync } from "node:child_process"
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os"
import { basename, join } from "node:path"

/** What a run adds to the tree and what is made of it: it does not make the engine another one. */
const OUTPUTS = [":(exclude)bench/results", ":(exclude)docs/performance.md", ":(exclude)docs/performance"]

/** What a run happens on. */
export function describeMachine() {
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    /** How many threads wanted a core in the minute before: what else the machine did. */
    load: Number(loadavg()[0].toFixed(2)),
  }
}

/** What is measured: the commit, and whether the tree holds more than that. */
export function describeTree(root) {
  const git = (...args) => execFileSync("git", ["-C", root, ...args], { encoding: "utf8" }).trim()
  return {
    commit: git("rev-parse", "HEAD"),
    dirty: git("status", "--porcelain", "--", ".", ...OUTPUTS) !== "",
    date: new Date().toISOString(),
  }
}

/** Appends the results of one bench. Call it once the bench has ended without an error: half a run is none. */
export function appendResults(root, { bench, run, size, results }) {
  const folder = join(root, "bench", "results")
  mkdirSync(folder, { recursive: true })
  const lines = results.map((result) => `${JSON.stringify({ bench, ...run, size, ...result })}\n`)
  appendFileSync(join(folder, `${bench}.jsonl`), lines.join(""))
}

/** @returns by bench, in the order of their names, the lines of its newest run */
export function newestRuns(root) {
  const folder = join(root, "bench", "results")
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".jsonl")) : []
  const runs = new Map()
  for (const file of files.sort()) {
    const lines = readFileSync(join(folder, file), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
    const { date } = lines.at(-1)
    runs.set(
      basename(file, ".jsonl"),
      lines.filter((line) => line.date === date),
    )
  }
  return runs
}
