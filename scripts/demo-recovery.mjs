// Shows a recovery: runs the main job undisturbed, then once more with checkpoints, and meanwhile kills a worker thread and
// then the whole process (SIGKILL) at random moments. The output must be the same to the last line.
//
//   npm run demo:recovery [-- --seed n]
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { seededRandom } from "./seeded-random.mjs"

const SELF = fileURLToPath(import.meta.url)
const JOB = fileURLToPath(new URL("./demo-recovery-job.ts", import.meta.url))
const CHECKPOINT_EVERY = "250ms"
/** From the death of a worker to records again. */
const TARGET_MS = 1000

const { values: options } = parseArgs({ options: { seed: { type: "string" }, engine: { type: "string" } } })
if (options.engine !== undefined) await runEngine(JSON.parse(options.engine))
else process.exitCode = (await demo()) ? 0 : 1

/** The engine's process: one job, whose events it tells as lines of JSON. */
async function runEngine({ out, kill, checkpoints }) {
  const { run } = await import("../dist/index.js")
  const tell = (event) => process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...event })}\n`)
  let watched
  const job = await run(JOB, {
    workers: 2,
    params: { out, kill },
    ...(checkpoints === undefined ? {} : { checkpoint: { directory: checkpoints, every: CHECKPOINT_EVERY } }),
    onEvent(event) {
      if (event.type === "checkpoint") tell({ type: "checkpoint", id: event.checkpointId })
      if (event.type === "running") {
        clearInterval(watched)
        // Counts are those of this attempt.
        watched = setInterval(() => {
          if (job === undefined || job.readMetrics().recordsIn === 0) return
          clearInterval(watched)
          tell({ type: "processing" })
        }, 5)
      }
      if (event.type === "restart") {
        const { attempt, checkpointId, delayMs, error } = event
        tell({ type: "restart", attempt, id: checkpointId, delayMs, cause: String(error?.message ?? error) })
      }
    },
  })
  await job.done
  clearInterval(watched)
  tell({ type: "done" })
}

async function demo() {
  const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 31))
  const random = seededRandom(seed)
  const dir = mkdtempSync(join(tmpdir(), "millrace-demo-"))
  console.log(`seed ${seed} (npm run demo:recovery -- --seed ${seed})\n`)
  try {
    console.log("the undisturbed run")
    const calm = engine({ out: join(dir, "calm"), kill: "" })
    const startedMs = Date.now()
    await calm.ended
    const calmMs = Date.now() - startedMs
    console.log(`  ${calmMs} ms, ${linesOf(join(dir, "calm")).length} lines of output\n`)
    console.log("the disturbed run")
    const recoveryMs = await disturbed(dir, calmMs, random)
    const same = digest(join(dir, "calm")) === digest(join(dir, "out"))
    console.log(`\noutput of both runs: ${same ? "the same, line for line" : "DIFFERENT"}`)
    console.log(
      recoveryMs === undefined
        ? "no worker was killed: the job ended before"
        : `from the worker's death to records again: ${recoveryMs} ms (${recoveryMs < TARGET_MS ? "under" : "OVER"} ${TARGET_MS} ms)`,
    )
    return same && recoveryMs !== undefined
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** @returns ms from the death of a worker to records again */
async function disturbed(dir, calmMs, random) {
  const settings = { out: join(dir, "out"), kill: join(dir, "kill"), checkpoints: join(dir, "checkpoints") }
  const beginMs = Date.now()
  const say = (text, atMs = Date.now()) =>
    console.log(`  ${String(Math.round(atMs - beginMs)).padStart(6)} ms  ${text}`)
  let recoveryMs
  let killedMs

  const first = engine(settings, (event) => {
    if (event.type === "restart") {
      killedMs = statSync(`${settings.kill}.done`).ctimeMs
      say("a worker thread dies", killedMs)
      const from = event.id === undefined ? "the beginning" : `checkpoint ${event.id}`
      say(
        `attempt ${event.attempt} begins from ${from} in ${event.delayMs.toFixed(0)} ms, after: ${event.cause}`,
        event.atMs,
      )
    }
    if (event.type === "processing") {
      say("records are processed", event.atMs)
      if (killedMs !== undefined) recoveryMs = Math.round(event.atMs - killedMs)
    }
  })
  say("the process starts")
  await first.has("processing")
  await Promise.race([first.has("checkpoint"), first.ended])
  await Promise.race([sleep(random() * 0.3 * calmMs), first.ended])
  if (!first.isOver()) writeFileSync(settings.kill, "")
  await Promise.race([first.has("processing", 2), first.ended])
  await Promise.race([sleep(random() * 0.3 * calmMs), first.ended])
  if (first.isOver()) return recoveryMs
  first.child.kill("SIGKILL")
  await first.ended.catch(() => undefined)
  say("the process is killed (SIGKILL)")

  const newest = newestCheckpoint(settings.checkpoints)
  const restartMs = Date.now()
  const second = engine(settings, (event) => {
    if (event.type !== "processing") return
    say(`records are processed, ${event.atMs - restartMs} ms after the start`, event.atMs)
  })
  say(
    `the same command is started again: it goes on from ${newest === undefined ? "the beginning" : `checkpoint ${newest}`}`,
  )
  await second.ended
  say("the job has ended")
  return recoveryMs
}

/** Starts an engine's process. `ended` rejects when it fails. */
function engine(settings, onEvent = () => undefined) {
  const child = spawn(process.execPath, [SELF, "--engine", JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const counts = new Map()
  const waiting = []
  let over = false
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line)
    counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
    onEvent(event)
    for (const check of waiting) check()
  })
  const ended = new Promise((resolve, reject) => {
    child.on("close", (code, signal) => {
      over = true
      if (code === 0) resolve()
      else reject(new Error(`the engine's process ended with ${signal ?? `code ${code}`}`))
    })
  })
  ended.catch(() => undefined)
  const has = (type, times = 1) =>
    new Promise((resolve) => {
      const check = () => {
        if ((counts.get(type) ?? 0) >= times) resolve()
      }
      waiting.push(check)
      check()
    })
  return { child, ended, has, isOver: () => over }
}

function newestCheckpoint(directory) {
  const folder = join(directory, "airport-delays-demo", "checkpoints")
  if (!existsSync(folder)) return undefined
  const ids = readdirSync(folder).map((name) => Number.parseInt(name, 10))
  return ids.length === 0 ? undefined : Math.max(...ids)
}

function linesOf(out) {
  return ["hourly", "worst"].flatMap((name) =>
    readdirSync(join(out, name))
      .filter((file) => file.startsWith("part-"))
      .flatMap((file) => readFileSync(join(out, name, file), "utf8").split("\n"))
      .filter((line) => line !== ""),
  )
}

function digest(out) {
  return createHash("sha256").update(linesOf(out).sort().join("\n")).digest("hex")
}
