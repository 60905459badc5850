// Runs benches, each in a process of its own. `npm run bench -- --help` says how.
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { boundOf, figure, median } from "./bench/figures.mjs"
import { appendResults, describeMachine, describeTree } from "./bench/results.mjs"
import { benchNames, runBench } from "./bench/run-bench.mjs"
import { table } from "./bench/table.mjs"

const HELP = `npm run bench [name ...] [-- --smoke]

Runs the benches named, or all: each file bench/<name>.bench.ts answers one question, in a process of its own.

  npm run bench                      all of them at the real size: some take minutes; keep the machine quiet
  npm run bench latency exchange     two of them
  npm run bench -- --smoke           the small size: outputs are checked, bounds of time are not, nothing is written
  npm run bench -- --list            their names

A row is the median of its readings with the least and the most; "ratio" is a median of pairs measured in turn in one run.
A run at the real size appends its rows to bench/results/<name>.jsonl and fails when a bound is broken.

  npm run bench:page                 makes docs/performance.md of those files
  npm run bench:compare <git ref>    this tree against another commit
`

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const { values, positionals } = readArguments()
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const known = benchNames(root)
if (values.list) {
  console.log(known.join("\n"))
  process.exit(0)
}
const unknown = positionals.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(", ")}; there are ${known.join(", ")}`)
  process.exit(2)
}

const { smoke } = values
const machine = describeMachine()
const { node, cores, cpu, load } = machine
console.log(`${node}, ${cores} cores, ${cpu}, load ${load}, ${smoke ? "smoke" : "real"} size`)
const wrong = []
for (const name of positionals.length > 0 ? positionals : known) {
  const startMs = performance.now()
  const seconds = () => `${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s`
  console.log(`\n== ${name}`)
  const { results, failure } = await runBench({
    root,
    name,
    smoke,
    onReport: (line) => console.log(`${seconds()}  ${line}`),
  })
  if (results.length > 0) console.log(table(results, { checked: !smoke }).join("\n"))
  if (failure !== undefined) {
    console.error(`${name} FAILED: ${failure}`)
    wrong.push(`${name}: ${failure.split("\n", 1)[0]}`)
    continue
  }
  console.log(`${seconds()}  done`)
  if (smoke) continue
  appendResults(root, { bench: name, run: { ...describeTree(root), ...machine }, size: "real", results })
  for (const result of results) {
    const bound = boundOf(result)
    if (bound === undefined || bound.holds) continue
    const { variant, metric, unit, readings } = result
    wrong.push(`${name}: ${variant}: ${metric} is ${figure(median(readings), unit)}, not ${bound.text}`)
  }
}
if (wrong.length > 0) console.error(`\n${wrong.join("\n")}`)
process.exit(wrong.length === 0 ? 0 : 1)

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        smoke: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    })
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`)
    process.exit(2)
  }
}
