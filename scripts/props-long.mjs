// The properties for as long as told. `npm run props:long -- --help` says how.
import { spawn } from "node:child_process"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const HELP = `npm run props:long -- [minutes] [file ...]

The properties again and again, each time with a fresh seed, for as long as told. Stops at the first law that breaks, and prints
its seed.

  npm run props:long                       ten minutes
  npm run props:long -- 60                 an hour; PROPS_MINUTES=60 says the same
  npm run props:long -- 60 pipelines time  props/pipelines and props/time alone

PROPS_RUNS=2 doubles the cases of each property. What is tried in all orders has no seed, and is left out.
`
const given = process.argv.slice(2)
if (given.includes("--help")) {
  console.log(HELP)
  process.exit(0)
}
const hasMinutes = given.length > 0 && !Number.isNaN(Number(given[0]))
const minutes = Number(hasMinutes ? given[0] : (process.env.PROPS_MINUTES ?? 10))
if (!(minutes > 0)) throw new Error(`Cannot run the properties for ${minutes} minutes; give a number above 0`)
const files = given.slice(hasMinutes ? 1 : 0).map((file) => `props/${file}.props.test.ts`)

/** Of the line in which the whole pipelines say what was done. */
const COUNTED = {
  simulations: /(\d+) simulations/,
  steps: /(\d+) steps/,
  records: /(\d+) records committed/,
  checkpoints: /(\d+) checkpoints/,
  "failed checkpoints": /(\d+) that failed/,
  "killed workers": /(\d+) workers killed/,
  crashes: /(\d+) crashes/,
  "disk faults": /(\d+) disk faults/,
}
const totals = Object.fromEntries(Object.keys(COUNTED).map((name) => [name, 0]))
const startedMs = performance.now()
const elapsedMinutes = () => (performance.now() - startedMs) / 60_000

let rounds = 0
let laws = 0
while (elapsedMinutes() < minutes && process.exitCode === undefined) {
  const seed = Math.floor(Math.random() * 0x7fff_ffff)
  const { code, output } = await runOnce(seed)
  rounds += 1
  if (code !== 0) {
    console.log(output)
    console.log(`a law broke with PROPS_SEED=${seed}`)
    process.exitCode = 1
  }
  laws += Number(/Tests .*?(\d+) passed/.exec(output)?.[1] ?? 0)
  const line = output.split("\n").find((each) => COUNTED.simulations.test(each)) ?? ""
  for (const [name, pattern] of Object.entries(COUNTED)) totals[name] += Number(pattern.exec(line)?.[1] ?? 0)
  const counts = Object.entries(totals).map(([name, count]) => `${count} ${name}`)
  console.log(`${elapsedMinutes().toFixed(1)} min: ${rounds} seeds, ${laws} laws held; ${counts.join(", ")}`)
}

function runOnce(seed) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
  const args = [
    vitest,
    "run",
    "--config",
    join(root, "vitest.props.config.ts"),
    "--exclude",
    "props/exhaustive-*",
    ...files,
  ]
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, PROPS_SEED: String(seed), NO_COLOR: "1" },
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data
    })
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })))
}
