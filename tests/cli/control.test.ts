/** Jobs that run in one process, and are talked to from another. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, test } from "vitest"

const COMMAND = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url))
const ENDLESS = fileURLToPath(new URL("../fixtures/endless-print.ts", import.meta.url))

let dir: string
const running: ChildProcess[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mr-"))
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
  rmSync(dir, { recursive: true, force: true })
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [COMMAND, "run", ENDLESS, "--param", "rate=20000", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, MILLRACE_RUNTIME_DIR: dir },
  })
  running.push(child)
  let stderr = ""
  child.stderr!.on("data", (chunk) => {
    stderr += chunk
  })
  return { child, ended: new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout: "", stderr }))) }
}

function millrace(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, MILLRACE_RUNTIME_DIR: dir }
    execFile(process.execPath, [COMMAND, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

/** Until so many jobs can be reached. */
async function listening(jobs: number): Promise<void> {
  const entries = (): number =>
    existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith(".job.json")).length : 0
  while (entries() < jobs) await new Promise((resolve) => setTimeout(resolve, 20))
}

test("status shows a running job, why says what it waits for; stop drains it, and both processes say so", async () => {
  const job = start()
  await listening(1)
  expect((await millrace("status")).stdout).toMatch(/^job .*\nendless-print +\d+ +\S+ +running/)
  const one = JSON.parse((await millrace("status", "endless-print", "--format", "json")).stdout) as object
  expect(one).toMatchObject({ jobName: "endless-print", pid: job.child.pid, status: "running", restarts: 0 })
  const why = JSON.parse((await millrace("why", "endless-print", "--format", "json")).stdout) as object
  expect(why).toMatchObject({ jobName: "endless-print", answer: "nothing-waits" })
  expect(await millrace("why", "endless-print", "print-9")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("WHY_OPERATOR_UNKNOWN"),
  })
  const stopped = await millrace("stop", "endless-print")
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringMatching(/^endless-print stopped after/) })
  const { code, stderr } = await job.ended
  expect(code).toBe(0)
  expect(stderr).toContain("as another process asked")
  expect(readdirSync(dir)).toEqual([])
})

test("two jobs of one name are told apart by their process ids; one that was killed is forgotten", async () => {
  const [first, second] = [start(), start()]
  await listening(2)
  const refused = await millrace("cancel", "endless-print")
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain("CONTROL_JOB_AMBIGUOUS")
  expect(refused.stderr).toContain(`pid ${first.child.pid}`)
  first.child.kill("SIGKILL")
  await first.ended
  expect(await millrace("cancel", "endless-print")).toMatchObject({ code: 0 })
  expect((await second.ended).code).toBe(130)
  expect(await millrace("status")).toMatchObject({ code: 0, stdout: "no job runs now\n" })
})

test("a socket that cannot be made is a warning", async () => {
  rmSync(dir, { recursive: true })
  // A file in its place.
  const { writeFileSync } = await import("node:fs")
  writeFileSync(dir, "")
  const job = start()
  await new Promise<void>((resolve) => {
    job.child.stderr!.on("data", (chunk) => {
      if (String(chunk).includes("control socket")) resolve()
    })
  })
  job.child.kill("SIGINT")
  const { code, stderr } = await job.ended
  expect(code).toBe(0)
  expect(stderr).toContain("it is no directory")
})

test("savepoint saves, rescale changes the parallelism, and stopping with a savepoint says where it is", async () => {
  const job = start("--workers", "1")
  await listening(1)
  const saved = await millrace("savepoint", "endless-print", "--to", join(dir, "saved"))
  expect(saved).toMatchObject({ code: 0, stdout: expect.stringContaining(`savepoint: ${join(dir, "saved")}`) })
  expect(await millrace("savepoint", "endless-print")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("SAVEPOINT_DIRECTORY_MISSING"),
  })
  expect(await millrace("rescale", "endless-print", "filter-1=2")).toMatchObject({
    code: 0,
    stdout: "endless-print runs with filter-1=2\n",
  })
  expect(await millrace("rescale", "endless-print", "fliter-1=2")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("PLAN_UNKNOWN_OPERATOR"),
  })
  const stopped = await millrace("stop", "endless-print", "--savepoint", join(dir, "last"))
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining(`savepoint: ${join(dir, "last")}`) })
  expect((await job.ended).code).toBe(0)
  expect(readdirSync(join(dir, "last")).sort()).toEqual(["committed", "manifest.json", "parts"])
})
