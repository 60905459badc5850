// This tree against another commit: `npm run bench:compare <git ref> [bench ...]`. --help says how.
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { compareRuns, comparisonTable } from "./bench/comparison.mjs"
import { describeMachine, describeTree } from "./bench/results.mjs"
import { benchNames, runBench } from "./bench/run-bench.mjs"

const HELP = `npm run bench:compare <git ref> [bench ...] [-- --rounds 7] [--smoke] [--same-benches]

Checks the commit out into a temporary folder, builds it, and runs the benches named (or all that both have) there and here in turn,
each run in a process of its own. Tells for each figure the median of the ratios here / there, and whether that is more than noise.

  npm run bench:compare main exchange             what a branch changed
  npm run bench:compare HEAD windows              what is not committed yet
  npm run bench:compare v0.1.0 latency -- --same-benches
                                                  with this tree's bench/, where the other commit's asks other questions

  --rounds <n>     pairs of runs, default 7
  --smoke          the small size: to see that it works
  --same-benches   this tree's bench/ on the other commit's engine, which must have what these benches import
`

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const { values, positionals } = readArguments()
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const [ref, ...asked] = positionals
const rounds = Number(values.rounds)
if (ref === undefined) fail(`name the commit to compare with\n\n${HELP}`)
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds is "${values.rounds}"; write a whole number of at least 1`)
const commit = resolveCommit(ref)
const here = describeTree(root)
const unknown = asked.filter((name) => !benchNames(root).includes(name))
if (unknown.length > 0) fail(`no bench named ${unknown.join(", ")}; there are ${benchNames(root).join(", ")}`)

const folder = mkdtempSync(join(tmpdir(), "millrace-compare-"))
const there = join(folder, "tree")
process.on("exit", removeTree)
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130))

const { node, cores, cpu, load } = describeMachine()
console.log(`${node}, ${cores} cores, ${cpu}, load ${load}, ${values.smoke ? "smoke" : "real"} size`)
console.log(
  `there: ${ref} (${commit.slice(0, 10)}); here: ${here.commit.slice(0, 10)}${here.dirty ? " with uncommitted changes" : ""}`,
)
checkOut()
const names = comparable()
let failed = false
for (const name of names) failed = !(await compare(name)) || failed
process.exit(failed ? 1 : 0)

/** @returns whether every run of the bench went well */
async function compare(name) {
  const startMs = performance.now()
  console.log(`\n== ${name}`)
  const pairs = []
  for (let round = 0; round < rounds; round++) {
    const pair = {}
    for (const side of round % 2 === 0 ? ["there", "here"] : ["here", "there"]) {
      const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
      console.log(`${seconds.padStart(4)} s  round ${round + 1} of ${rounds}: ${side}`)
      const tree = side === "here" ? root : there
      const { results, failure } = await runBench({ root: tree, name, smoke: values.smoke, onReport: () => undefined })
      if (failure !== undefined) {
        console.error(`${name} FAILED ${side}: ${failure}`)
        return false
      }
      pair[side] = results
    }
    pairs.push(pair)
  }
  console.log(comparisonTable(compareRuns(pairs)).join("\n"))
  return true
}

function resolveCommit(name) {
  try {
    const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }
    return execFileSync(
      "git",
      ["-C", root, "rev-parse", "--verify", "--end-of-options", `${name}^{commit}`],
      options,
    ).trim()
  } catch {
    fail(`"${name}" names no commit of this repository; \`git log --oneline\` and \`git branch -a\` list some`)
  }
}

function checkOut() {
  const step = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] })
  step("git", ["-C", root, "worktree", "add", "--quiet", "--detach", there, commit])
  const lock = (tree) => readFileSync(join(tree, "package-lock.json"), "utf8")
  if (lock(there) === lock(root)) symlinkSync(join(root, "node_modules"), join(there, "node_modules"))
  else {
    console.log("there: other dependencies, npm ci")
    step("npm", ["ci", "--no-audit", "--no-fund"], there)
  }
  if (values["same-benches"]) {
    for (const path of ["bench", "scripts/bench"]) {
      rmSync(join(there, path), { recursive: true, force: true })
      cpSync(join(root, path), join(there, path), { recursive: true })
    }
  }
  step("npm", ["run", "--silent", "build"], there)
}

/** The benches asked for, or all that both trees have. */
function comparable() {
  if (!existsSync(join(there, "scripts", "bench", "child.mjs"))) {
    fail(`${ref} is older than benches whose figures can be compared; --same-benches takes this tree's there`)
  }
  const known = benchNames(there)
  const missing = asked.filter((name) => !known.includes(name))
  if (missing.length > 0) {
    fail(
      `${ref} has no bench named ${missing.join(", ")}; it has ${known.join(", ")}; --same-benches takes this tree's there`,
    )
  }
  return asked.length > 0 ? asked : benchNames(root).filter((name) => known.includes(name))
}

function removeTree() {
  if (existsSync(there)) execFileSync("git", ["-C", root, "worktree", "remove", "--force", there])
  rmSync(folder, { recursive: true, force: true })
}

function fail(message) {
  console.error(message)
  process.exit(2)
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "7" },
        smoke: { type: "boolean", default: false },
        "same-benches": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    })
  } catch (error) {
    fail(`${error.message}\n\n${HELP}`)
  }
}
