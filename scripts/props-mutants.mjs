// Runs the properties against each wrong engine of props/mutants/: every one must be killed by a law.
//   npm run props:mutants                    all of them
//   npm run props:mutants -- --only store    those whose name holds a text, or whose properties do
// PROPS_SEED and PROPS_RUNS as for the properties. Takes some minutes.
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { MUTANTS } from "../props/mutants/mutants.mjs"
import { apply } from "../props/mutants/mutate.mjs"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : ""
const TIMEOUT_MS = 300_000

const chosen = MUTANTS.filter(({ name, props }) => name.includes(only) || props.some((file) => file.includes(only)))
// All places first: a mutant that is none any more should not be found out after minutes.
for (const mutant of chosen) apply(mutant, readFileSync(join(root, mutant.file), "utf8"))

const survivors = []
console.log(`${"mutant".padEnd(88)} killed by (cases)`)
for (const mutant of chosen) {
  const { killed, law, cases } = await runAgainst(mutant)
  if (!killed) survivors.push(mutant.name)
  console.log(`${mutant.name.padEnd(88)} ${killed ? `${law} (${cases})` : "SURVIVED"}`)
}
console.log(`\n${chosen.length - survivors.length} of ${chosen.length} mutants killed`)
process.exitCode = survivors.length === 0 ? 0 : 1

function runAgainst({ name, props }) {
  const files = props.map((file) => `props/${file}.props.test.ts`)
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
  const args = [vitest, "run", "--config", join(root, "vitest.mutants.config.ts"), "--reporter=json", ...files]
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, MUTANT: name, NO_COLOR: "1" } })
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
