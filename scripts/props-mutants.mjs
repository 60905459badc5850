// Runs the properties against each wrong engine of props/mutants/: every one must be killed by a law.
// `npm run props:mutants -- --help` says how.
import { execFileSync, spawn } from "node:child_process"
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { MUTANTS } from "../props/mutants/mutants.mjs"
import { apply } from "../props/mutants/mutate.mjs"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const HELP = `npm run props:mutants -- [options]

Runs the properties against each wrong engine of props/mutants/: every one must be killed by a law. Takes some minutes. Once all are
killed, by one run or by those that share their rows, props/MUTANTS.md is written.

  npm run props:mutants                    all of them, two at a time where there are two cores
  npm run props:mutants -- --only store    those whose name holds a text, or whose properties do
  npm run props:mutants -- --from 20       from the 20th on, to go on with a run that was ended
  npm run props:mutants -- --shard 1/4     every fourth, from the first on
  npm run props:mutants -- --jobs 1        one at a time
  npm run props:mutants -- --rows FILE     those that are killed are noted in FILE, so that shards add up; those noted are passed over

PROPS_SEED and PROPS_RUNS as for the properties.
`
const { values: options } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    from: { type: "string", default: "1" },
    shard: { type: "string", default: "1/1" },
    jobs: { type: "string", default: String(Math.min(2, availableParallelism())) },
    rows: { type: "string" },
  },
})
if (options.help) {
  console.log(HELP)
  process.exit(0)
}
const [shard, shards] = options.shard.split("/").map(Number)
const jobs = Number(options.jobs)
const from = Number(options.from)
if (!(from >= 1 && jobs >= 1 && shard >= 1 && shard <= shards)) {
  throw new Error(`Cannot run mutants from ${options.from} of shard ${options.shard} by ${options.jobs}; count from 1`)
}
const seed = process.env.PROPS_SEED ?? String(Math.floor(Math.random() * 0x7fff_ffff))
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim()
const TIMEOUT_MS = 300_000

const noted = options.rows !== undefined && existsSync(options.rows) ? readNoted(options.rows) : new Map()
const chosen = MUTANTS.map((mutant, index) => ({ ...mutant, number: index + 1 })).filter(
  ({ name, props, number }) =>
    (name.includes(options.only) || props.some((file) => file.includes(options.only))) &&
    number >= from &&
    (number - shard) % shards === 0 &&
    !noted.has(name),
)
// All places first: a mutant that is none any more should not be found out after minutes.
for (const mutant of chosen) apply(mutant, readFileSync(join(root, mutant.file), "utf8"))

console.log(`${chosen.length} mutants with seed ${seed}\n  # ${"mutant".padEnd(104)} killed by (cases)`)
const rows = []
const waiting = [...chosen]
await Promise.all(Array.from({ length: jobs }, runWaiting))
const survivors = rows.filter(({ killed }) => !killed)
console.log(`\n${rows.length - survivors.length} of ${rows.length} mutants killed`)
for (const { name } of survivors) console.log(`  SURVIVED: ${name}`)
process.exitCode = survivors.length === 0 ? 0 : 1
const killed = MUTANTS.flatMap(({ name }) => noted.get(name) ?? [])
if (killed.length === MUTANTS.length) writeFileSync(join(root, "props/MUTANTS.md"), tableOf(killed))

async function runWaiting() {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const { killed, law, cases } = await runAgainst(mutant)
    rows.push({ name: mutant.name, killed })
    if (killed) note({ name: mutant.name, props: mutant.props, law, cases, commit, seed, node: process.version })
    console.log(
      `${String(mutant.number).padStart(3)} ${mutant.name.padEnd(104)} ${killed ? `${law} (${cases})` : "SURVIVED"}`,
    )
  }
}

function note(row) {
  noted.set(row.name, row)
  if (options.rows !== undefined) appendFileSync(options.rows, `${JSON.stringify(row)}\n`)
}

function readNoted(file) {
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean)
  return new Map(lines.map((line) => JSON.parse(line)).map((row) => [row.name, row]))
}

function tableOf(killed) {
  const lines = killed.map((row) => `| ${row.name} | ${row.props.join(", ")} | ${row.law} | ${row.cases} |`)
  const each = (field) => [...new Set(killed.map((row) => row[field]))].join(", ")
  return [
    "# Mutants",
    "",
    `Written by \`npm run props:mutants\`, of commit ${each("commit")} with seed ${each("seed")} under Node ${each("node")}: all ${killed.length} were`,
    "killed. The first law that broke, and after how many cases; what is tried in all orders has none.",
    "",
    "| wrong engine | properties | law that killed it | cases |",
    "| --- | --- | --- | --- |",
    ...lines,
    "",
  ].join("\n")
}

function runAgainst({ name, props }) {
  const files = props.map((file) => `props/${file}.props.test.ts`)
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
  const args = [vitest, "run", "--config", join(root, "vitest.mutants.config.ts"), "--reporter=json", ...files]
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, MUTANT: name, PROPS_SEED: seed, NO_COLOR: "1" },
  })
  const timer = setTimeout(() => child.kill(), TIMEOUT_MS)
  let output = ""
  child.stdout.on("data", (data) => {
    output += data
  })
  child.stderr.on("data", (data) => {
    output += data
  })
  return new Promise((resolve, reject) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      if (signal !== null) return resolve({ killed: true, law: "it hangs: no law needed", cases: "-" })
      if (code === 0) return resolve({ killed: false })
      const report = reportIn(output)
      if (report === undefined) return reject(new Error(`the properties could not be run against ${name}:\n${output}`))
      const failed = report.testResults
        .flatMap(({ assertionResults }) => assertionResults)
        .find(({ status }) => status === "failed")
      // A module that cannot be loaded any more kills nothing by a law.
      if (failed === undefined) return reject(new Error(`no law failed against ${name}:\n${output}`))
      const title = failed.fullName
      const cases = /failed after (\d+) tests?/.exec(failed.failureMessages.join("\n"))?.[1] ?? "all orders"
      resolve({ killed: true, law: lawIn(title), cases })
    })
  })
}

function reportIn(output) {
  const line = output.split("\n").find((each) => each.startsWith('{"numTotalTestSuites"'))
  return line === undefined ? undefined : JSON.parse(line)
}

/** The names of laws in a title, or else its beginning. */
function lawIn(title) {
  const names = title.match(/\b[A-Z]{2,5}-\d+\b/g)
  return names === null ? title.slice(0, 60) : [...new Set(names)].join(" ")
}
