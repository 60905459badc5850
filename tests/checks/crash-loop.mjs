// Runs a job with checkpoints, kills it at random moments, starts it again, and compares what it committed with the
// plain program: every record once, whatever happened; with --delivery at-least-once none missing, with at-most-once none
// twice.
//
//   node tests/checks/crash-loop.mjs [--delivery exactly-once] [--alignment unaligned|<ms>ms] [--runs 2] [--kills 4] [--seed n]
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { seededRandom } from "../../scripts/seeded-random.mjs"

const HERE = dirname(fileURLToPath(import.meta.url))
const COMMAND = join(HERE, "../../bin/millrace.js")
const JOB = join(HERE, "../fixtures/crash-loop.ts")
const COUNT = 12_000
const RATE = 4_000

const { values: options } = parseArgs({
  options: {
    alignment: { type: "string" },
    delivery: { type: "string", default: "exactly-once" },
    kills: { type: "string", default: "4" },
    runs: { type: "string", default: "2" },
    seed: { type: "string" },
  },
})
const kills = Number(options.kills)
const runs = Number(options.runs)
const seed = Number(options.seed ?? process.env.PROPS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const random = seededRandom(seed)
console.log(
  `crash loop (${[options.delivery, options.alignment].filter(Boolean).join(", ")}) with seed ${seed}: ${runs} runs, ${kills} SIGKILLs each, and worker failures`,
)

const { windows, ids } = oracle()
let killed = 0
let failed = 0
for (let run = 0; run < runs; run++) {
  const dir = mkdtempSync(join(tmpdir(), "millrace-crash-loop-"))
  try {
    const ended = await crashUntilDone(dir)
    const problems = ended.startsWith("FAILED") ? ["it did not finish"] : differences(dir)
    if (problems.length > 0) failed += 1
    const share = `${((100 * linesOf("items", dir).length) / COUNT).toFixed(1)} % of the items came out`
    console.log(
      `run ${run}: ${ended}; ${share}; ${problems.length === 0 ? "as promised" : `DIFFERENT: ${problems.join("; ")}`}`,
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
console.log(`crash loop: ${killed} SIGKILLs, ${runs - failed} runs as promised, ${failed} not`)
process.exit(failed === 0 ? 0 : 1)

/** What is not as the oracle has it, in so far as the delivery promises it. */
function differences(dir) {
  switch (options.delivery) {
    case "at-least-once":
      return lost("items", dir, ids)
    case "at-most-once":
      return [...repeated("items", dir, ids), ...overfull(dir)]
    default:
      return [...compare("windows", dir, windows), ...compare("items", dir, ids)]
  }
}

/** Starts the same command again and again until it ends by itself. */
async function crashUntilDone(dir) {
  const shapes = []
  // Another number of workers and subtasks at every start: each restart is a rescale.
  const argsOf = () => {
    const workers = 1 + Math.floor(random() * 2)
    const parallelism = 1 + Math.floor(random() * 4)
    shapes.push(`${workers}x${parallelism}`)
    return [
      COMMAND,
      "run",
      JOB,
      "--quiet",
      "--workers",
      String(workers),
      "--parallelism",
      String(parallelism),
      "--checkpoints",
      join(dir, "checkpoints"),
      "--checkpoint-every",
      "100ms",
      "--restarts",
      "1000",
      "--delivery",
      options.delivery,
      ...(options.alignment === undefined ? [] : ["--alignment", options.alignment]),
      "--param",
      `count=${COUNT}`,
      "--param",
      `rate=${RATE}`,
      "--param",
      `out=${dir}`,
      "--param",
      `failOneIn=${COUNT}`,
    ]
  }
  for (let start = 0; ; start++) {
    const afterMs = start < kills ? 300 + random() * 1500 : undefined
    const { code, signal, stderr } = await runOnce(argsOf(), afterMs)
    if (signal === "SIGKILL") {
      killed += 1
      continue
    }
    if (code !== 0) return `FAILED with exit code ${code} after ${start} kills: ${stderr}`
    return `finished after ${start} kills, as ${shapes.join(" ")} (workers x parallelism)`
  }
}

function runOnce(args, killAfterMs) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "pipe"],
      // The engine itself is to be killed.
      env: { ...process.env, MILLRACE_SUPERVISOR: "off" },
    })
    let stderr = ""
    child.stderr.on("data", (chunk) => {
      stderr += chunk
    })
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stderr })
    })
  })
}

function oracle() {
  const panes = new Map()
  const lines = []
  for (let n = 0; n < COUNT; n++) {
    const atMs = n * 10 + ((n * 37) % 5) * 10
    const value = ((n * 31) % 101) + (n % 2 === 0 ? 1000 : 0)
    lines.push(JSON.stringify({ id: n, value }))
    const key = `key-${(n * 7) % 13}`
    const start = Math.floor(atMs / 1000) * 1000
    const pane = panes.get(`${key}/${start}`) ?? { key, start, items: 0, total: 0 }
    pane.items += 1
    pane.total += value
    panes.set(`${key}/${start}`, pane)
  }
  return { windows: [...panes.values()].map((pane) => JSON.stringify(pane)), ids: lines }
}

function linesOf(name, dir) {
  return readdirSync(join(dir, name))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) => readFileSync(join(dir, name, file), "utf8").split("\n"))
    .filter((line) => line !== "")
}

/** At least once: repeated lines are allowed, missing ones are not. */
function lost(name, dir, expected) {
  const found = new Set(linesOf(name, dir))
  const missing = expected.filter((line) => !found.has(line)).length
  return missing === 0 ? [] : [`${name}: ${missing} missing`]
}

/** At most once: missing lines are allowed, repeated or unknown ones are not. */
function repeated(name, dir, expected) {
  const { surplus, missing } = difference(name, dir, expected)
  const problems = surplus === 0 ? [] : [`${name}: ${surplus} too many`]
  return missing === expected.length ? [...problems, `${name}: nothing came out`] : problems
}

/** At most once: the rows of a window have together no more than the window has. */
function overfull(dir) {
  const left = new Map(windows.map((line) => JSON.parse(line)).map((pane) => [`${pane.key}/${pane.start}`, pane]))
  let overfull = 0
  for (const { key, start, items, total } of linesOf("windows", dir).map((line) => JSON.parse(line))) {
    const pane = left.get(`${key}/${start}`)
    if (pane === undefined || items > pane.items || total > pane.total) overfull += 1
    else left.set(`${key}/${start}`, { ...pane, items: pane.items - items, total: pane.total - total })
  }
  return overfull === 0 ? [] : [`windows: ${overfull} with more than there is`]
}

/** Every line both ways, as multisets. */
function compare(name, dir, expected) {
  const { surplus, missing } = difference(name, dir, expected)
  return surplus + missing === 0 ? [] : [`${name}: ${missing} missing, ${surplus} too many`]
}

function difference(name, dir, expected) {
  const found = linesOf(name, dir)
  const left = new Map()
  for (const line of expected) left.set(line, (left.get(line) ?? 0) + 1)
  let surplus = 0
  for (const line of found) {
    const times = left.get(line) ?? 0
    if (times === 0) surplus += 1
    else left.set(line, times - 1)
  }
  return { surplus, missing: [...left.values()].reduce((sum, times) => sum + times, 0) }
}
