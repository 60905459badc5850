// Jobs on real threads, four times as many as there are cores, beside a program that keeps a core busy: what only contention
// brings to light. Functions stand still and fail, threads exit, barriers are aligned or not. Every record of every job is compared
// with the plain program; the counts are printed.
// `npm run props:threads -- --help` says how.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import { run } from "../dist/index.js"
import { seededRandom } from "./seeded-random.mjs"

const HELP = `npm run props:threads -- [--minutes n]

Jobs on real threads, four workers a core, beside a program that keeps a core busy. Functions stand still and fail, threads exit,
barriers are aligned or not; the output of every job is compared with that of a plain program.

  npm run props:threads                    a quarter of a minute
  npm run props:threads -- --minutes 5

PROPS_SEED draws the same jobs; what the threads then do is not repeated.
`
const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "0.25" }, help: { type: "boolean", default: false } },
})
if (options.help) {
  console.log(HELP)
  process.exit(0)
}
const minutes = Number(options.minutes)
if (!(minutes > 0)) throw new Error(`Cannot run for ${options.minutes} minutes; give a number above 0`)
const seed = Number(process.env.PROPS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const random = seededRandom(seed)
const workers = 4 * availableParallelism()
const MODULE = fileURLToPath(new URL("../tests/fixtures/thread-loop.ts", import.meta.url))
const ALIGNMENTS = ["aligned", "unaligned", { timeout: 20 }]
console.log(`threads: seed ${seed}, ${workers} workers on ${availableParallelism()} cores, for ${minutes} min`)

const hog = new Worker("for (;;) {}", { eval: true })
const counts = { jobs: 0, different: 0, records: 0, checkpoints: 0, failedCheckpoints: 0, restarts: 0 }
const endMs = performance.now() + minutes * 60_000
while (performance.now() < endMs && counts.different === 0) await runOne()
await hog.terminate()
console.log(
  `threads: ${Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")}`,
)
process.exit(counts.different === 0 ? 0 : 1)

async function runOne() {
  const dir = mkdtempSync(join(tmpdir(), "millrace-threads-"))
  const records = 1000 + Math.floor(random() * 3000)
  const alignment = ALIGNMENTS[Math.floor(random() * ALIGNMENTS.length)]
  const drawn = {
    workers,
    parallelism: 1 + Math.floor(random() * workers),
    params: { records, pauseOneIn: 200 + random() * 800, failOneIn: random() < 0.7 ? records * 2 : 0, out: dir },
    checkpoint: { directory: join(dir, "checkpoints"), every: 30 + Math.floor(random() * 100), alignment },
    state: random() < 0.3 ? { kind: "lmdb", directory: join(dir, "state") } : "heap",
    restart: { kind: "fixed-delay", delayMs: 5, maxRestarts: 1000 },
    onEvent: (event) => {
      if (event.type === "checkpoint") counts.checkpoints += 1
      if (event.type === "warning") counts.failedCheckpoints += 1
    },
  }
  try {
    const job = await run(MODULE, drawn)
    const { restarts } = await job.done
    counts.jobs += 1
    counts.records += records
    counts.restarts += restarts
    const problems = [
      ...difference(
        "items",
        rowsOf(dir, "items").map(({ id }) => id),
        Array.from({ length: records }, (_, n) => n),
      ),
      ...difference("windows", rowsOf(dir, "windows").map(windowText), windowsPlainly(records)),
    ]
    if (problems.length === 0) return
    counts.different += 1
    console.log(`DIFFERENT: ${problems.join("; ")}\n  of ${JSON.stringify(drawn)}`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function rowsOf(dir, name) {
  return readdirSync(join(dir, name))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) => readFileSync(join(dir, name, file), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
}

function windowText({ key, window, n, ids }) {
  return `${key} ${window.start} ${n} ${ids}`
}

/** The plainest program for the same records. */
function windowsPlainly(records) {
  const windows = new Map()
  for (let id = 0; id < records; id++) {
    const key = (id * 7) % 31
    const start = Math.floor(id / 500) * 500
    const name = `${key} ${start}`
    const held = windows.get(name) ?? { key, window: { start }, n: 0, ids: 0 }
    windows.set(name, { ...held, n: held.n + 1, ids: held.ids + id })
  }
  return [...windows.values()].map(windowText)
}

function difference(name, found, wanted) {
  const left = new Map()
  for (const each of wanted) left.set(each, (left.get(each) ?? 0) + 1)
  let surplus = 0
  for (const each of found) {
    const times = left.get(each) ?? 0
    if (times === 0) surplus += 1
    else left.set(each, times - 1)
  }
  const missing = [...left.values()].reduce((sum, times) => sum + times, 0)
  return surplus + missing === 0 ? [] : [`${name}: ${missing} missing, ${surplus} too many`]
}
