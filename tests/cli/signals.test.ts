import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const COMMAND = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url))
const ENDLESS = fileURLToPath(new URL("../fixtures/endless-print.ts", import.meta.url))

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
  /** Resolves with the first line that the pipeline prints. */
  readonly printed: Promise<void>
  /** Resolves when standard error holds a text. */
  said(text: string): Promise<void>
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [COMMAND, "run", ENDLESS, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  const printed = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk) => {
      stdout += chunk
      resolve()
    })
  })
  child.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  const said = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (stderr.includes(text)) resolve()
      }
      child.stderr.on("data", look)
      look()
    })
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })
  return { child, ended, printed, said }
}

test("one SIGINT drains: the summary says stopped, every line printed is whole, the exit code is 0", async () => {
  const { child, ended, printed } = start("--param", "rate=20000")
  await printed
  child.kill("SIGINT")
  const { code, stdout, stderr } = await ended
  expect(code).toBe(0)
  expect(stderr).toContain("stopping")
  expect(stderr).toMatch(/endless-print stopped after/)
  expect(
    stdout
      .trim()
      .split("\n")
      .every((line) => /^line \d+$/.test(line)),
  ).toBe(true)
})

test("a second SIGINT cancels, with exit code 130", async () => {
  // A print that takes long keeps the drain from ending by itself.
  const { child, ended, printed, said } = start("--param", "rate=1000000", "--param", "every=1", "--param", "slow=true")
  await printed
  child.kill("SIGINT")
  // Two that come before the process gets to run are one.
  await said("stopping")
  child.kill("SIGINT")
  const { code } = await ended
  expect(code).toBe(130)
})

test("nothing but what the pipeline prints goes to standard output", async () => {
  const { child, ended, printed } = start("--metrics-every", "100ms")
  await printed
  await new Promise((resolve) => setTimeout(resolve, 300))
  child.kill("SIGINT")
  const { stdout, stderr } = await ended
  expect(stdout).toMatch(/^(line \d+\n)+$/)
  expect(stderr).toContain("records/s")
})
