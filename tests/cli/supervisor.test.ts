/** Runs with checkpoints survive the death of their engine's process; and end with their supervisor's. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, test } from "vitest"

const COMMAND = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url))
const MODULE = fileURLToPath(new URL("../fixtures/recovering.ts", import.meta.url))
const COUNT = 6000
/** Enough to run, little to fill. */
const HEAP = "--max-old-space-size=128"

let dir: string
let child: ChildProcess | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mr-"))
})
afterEach(() => {
  child?.kill("SIGKILL")
  rmSync(dir, { recursive: true, force: true })
})

function start(mode: string, ...more: string[]): Promise<{ code: number | null; stderr: string }> {
  const params = { mode, marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT, rate: 2000 }
  const args = [
    ...["run", MODULE, "--workers", "2", "--checkpoints", join(dir, "state"), "--checkpoint-every", "100ms"],
    ...Object.entries(params).flatMap(([name, value]) => ["--param", `${name}=${value}`]),
    ...more,
  ]
  const started = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, MILLRACE_RUNTIME_DIR: dir, ...(mode === "heap" ? { NODE_OPTIONS: HEAP } : {}) },
  })
  child = started
  let stderr = ""
  started.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  return new Promise((resolve) => started.on("close", (code) => resolve({ code, stderr })))
}

/** The process that runs the job, once it can be reached and has completed checkpoints. */
async function enginePid(): Promise<number> {
  const listed = (): string | undefined => readdirSync(dir).find((name) => name.endsWith(".job.json"))
  while (listed() === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  const checkpoints = join(dir, "state", "recovering", "checkpoints")
  while (!readdirSync(checkpoints).some((name) => name.endsWith(".json")))
    await new Promise((resolve) => setTimeout(resolve, 20))
  return (JSON.parse(readFileSync(join(dir, listed()!), "utf8")) as { pid: number }).pid
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function expected(): string[] {
  const rows: string[] = []
  for (let begin = 0; begin < COUNT * 10; begin += 1000) {
    for (let key = 0; key < 10; key++) rows.push(JSON.stringify({ key, start: begin, records: 10 }))
  }
  return rows.sort()
}

function written(): string[] {
  return readdirSync(join(dir, "out"))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) =>
      readFileSync(join(dir, "out", file), "utf8")
        .trim()
        .split("\n"),
    )
    .sort()
}

test("an engine that is killed is started again from its last checkpoint, and the output is as if nothing had happened", async () => {
  const ended = start("none")
  const pid = await enginePid()
  expect(pid).not.toBe(child!.pid)
  process.kill(pid, "SIGKILL")
  const { code, stderr } = await ended
  expect(stderr).toContain("ended by SIGKILL; it is started again")
  expect(stderr).toMatch(/restart 1 from checkpoint \d+ .*SIGKILL/)
  expect(code).toBe(0)
  expect(written()).toEqual(expected())
})

test("so is one that V8 aborts for lack of memory", async () => {
  const { code, stderr } = await start("heap")
  expect(stderr).toMatch(/restart 1 from checkpoint \d+ .*SIG(ABRT|TRAP)/)
  expect(code).toBe(0)
  expect(written()).toEqual(expected())
})

test("one that dies when its job has ended is followed by one that says so, and does not begin anew", async () => {
  const { code, stderr } = await start("at-the-end", "--param", "count=600")
  expect(stderr).toContain("ended by SIGKILL; it is started again")
  expect(stderr).toContain("the job had ended and everything is committed")
  expect(stderr).not.toMatch(/restart 1 from/)
  expect(code).toBe(0)
  expect(written()).toHaveLength(60)
})

test("one that dies again and again is given up as the policy says", async () => {
  const { code, stderr } = await start("always", "--restarts", "2")
  expect(code).toBe(1)
  expect(stderr.match(/it is started again/g)).toHaveLength(2)
  expect(stderr).toContain("PROCESS_DIED")
})

test("an engine ends with its supervisor", async () => {
  const ended = start("none")
  const pid = await enginePid()
  child!.kill("SIGKILL")
  await ended
  const untilMs = performance.now() + 5000
  while (isAlive(pid) && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isAlive(pid)).toBe(false)
})

test("a signal drains, and counts once when the supervisor and the engine both get it", async () => {
  const ended = start("none")
  const pid = await enginePid()
  process.kill(pid, "SIGINT")
  child!.kill("SIGINT")
  const { code, stderr } = await ended
  expect(stderr).toMatch(/recovering stopped after/)
  expect(code).toBe(0)
})
